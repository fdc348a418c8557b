// Package dtls secures a link with DTLS 1.2 (RFC 6347): it listens and dials over
// any net.PacketConn and hands out net.Conns that keep datagram boundaries.
//
// Peers prove themselves with a pre-shared key (RFC 4279, RFC 5489) or with
// certificates. Connection IDs (RFC 9146) are negotiated whenever the peer knows
// them, so that a client may change its address in the middle of a session. The
// handshake and the record layer are those of pion/dtls, which no other package
// imports; the demultiplexer below them, which tells the sessions of one socket
// apart and bounds what strangers can cost, is ours.
package dtls
