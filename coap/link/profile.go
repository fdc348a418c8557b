// Package link describes a constrained link: every timer and every size that the
// message layer and the DTLS handshake take from it, and the RFC 7252 §4.8.2
// times that follow. It is data and arithmetic only: no clock, no network, no log.
package link

import "time"

// Profile is one kind of link. All sizes are bytes of UDP payload, all rates are
// bits per second. The zero value is not usable: start from Default.
type Profile struct {
	// Name identifies the profile in configuration, metrics and logs.
	Name string

	// AckTimeout is ACK_TIMEOUT: the first retransmission is sent between
	// AckTimeout and AckTimeout*AckRandomFactor after the message (RFC 7252 §4.2).
	AckTimeout time.Duration
	// AckRandomFactor is ACK_RANDOM_FACTOR, at least 1 (RFC 7252 §4.8).
	AckRandomFactor float64
	// MaxRetransmit is MAX_RETRANSMIT (RFC 7252 §4.8).
	MaxRetransmit int
	// NStart bounds the confirmable exchanges that one session has outstanding
	// (RFC 7252 §4.7).
	NStart int
	// MaxLatency is MAX_LATENCY: the longest a datagram may stay in the network
	// (RFC 7252 §4.8.2).
	MaxLatency time.Duration
	// EmptyAckDelay is how long a server waits for the response before it
	// acknowledges a request on its own, which costs a datagram (and, on a
	// half-duplex link, a turnaround). Towards a peer of unknown profile the
	// endpoint uses at most one second whatever this says.
	EmptyAckDelay time.Duration
	// BlockSize is the largest block that this side asks for or sends:
	// 16, 32, 64, 128, 256, 512 or 1024 (RFC 7959 §2.2).
	BlockSize int
	// MTU is the largest datagram payload, DTLS records included.
	MTU int
	// FlightInterval is the first DTLS retransmission timer (RFC 6347 §4.2.4.1).
	FlightInterval time.Duration
	// HandshakeTimeout ends a DTLS handshake that does not complete.
	HandshakeTimeout time.Duration
	// RateUp and RateDown are the link's rates from the constrained side
	// (up) and towards it (down); 0 means not known.
	RateUp, RateDown float64
	// OneWayDelay is the propagation delay of the link, without airtime.
	OneWayDelay time.Duration
}

// Default returns the parameters of RFC 7252 §4.8 for a link about which nothing
// is known: an ordinary path over the Internet.
func Default() Profile {
	return Profile{
		Name:             "default",
		AckTimeout:       2 * time.Second,
		AckRandomFactor:  1.5,
		MaxRetransmit:    4,
		NStart:           8,
		MaxLatency:       100 * time.Second,
		EmptyAckDelay:    time.Second,
		BlockSize:        1024,
		MTU:              1200,
		FlightInterval:   time.Second,
		HandshakeTimeout: 60 * time.Second,
	}
}

// Satellite returns the parameters of a geostationary VSAT link, the one that
// the demo emulates.
func Satellite() Profile {
	p := Default()
	p.Name = "geo-vsat"
	p.AckTimeout = 3 * time.Second
	p.MaxLatency = 3 * time.Second
	p.EmptyAckDelay = 1200 * time.Millisecond
	p.FlightInterval = 2 * time.Second
	p.RateUp = 1e6
	p.RateDown = 10e6
	p.OneWayDelay = 300 * time.Millisecond
	return p
}
