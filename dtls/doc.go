// Package dtls secures a link with DTLS 1.2 (RFC 6347): it listens and dials over
// any net.PacketConn and hands out net.Conns that keep datagram boundaries.
//
// Peers prove themselves with a pre-shared key (RFC 4279, RFC 5489) or with
// certificates. Connection IDs (RFC 9146) are negotiated whenever the peer knows
// them, so that a client may change its address in the middle of a session. With a
// Store, sessions outlive the process of either side: Resume and a new Listener go
// on with the next record.
//
// The handshake is that of pion/dtls, which no other package imports. The rest is
// here: the demultiplexer, which tells the sessions of one socket apart and bounds
// what strangers can cost, and, once a handshake is complete, the record layer with
// its sequence numbers and replay window, which have to survive a crash.
package dtls
