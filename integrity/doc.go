// Package integrity authenticates a link and hides nothing on it, for where
// encryption is forbidden (amateur radio): it listens and dials over any
// net.PacketConn and hands out net.Conns that keep datagram boundaries. The format is
// published in docs/integrity.md, so that anyone can read along.
//
// A station is known by its call sign and shares a key with its server. One round
// trip makes a session; each datagram then carries 13 bytes more: the number of the
// session, a counter and a truncated HMAC-SHA-256. A server has one session for each
// station of its list, so that strangers cost it no memory.
package integrity
