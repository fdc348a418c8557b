// Package link describes a constrained link: every timer and every size that the
// message layer and the DTLS handshake take from it, and the RFC 7252 §4.8.2
// times that follow. It is data and arithmetic only: no clock, no network, no log.
//
// Profiles holds the kinds of link that coapgw knows; Parse makes another from one
// of them.
package link

import "time"

// Profile is one kind of link. All sizes are bytes of UDP payload, all rates are
// bits per second. The zero value is not usable: start from Default, ByName or
// Parse.
type Profile struct {
	// Name identifies the profile in configuration, metrics and logs.
	Name string
	// Description says in a line what kind of link it is.
	Description string

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
	// MTU is the largest datagram payload in either direction, DTLS records
	// included. It may be less than what the link can carry.
	MTU int
	// MTUUp and MTUDown are the largest datagram payloads of a link where they
	// differ, neither below MTU; 0 means MTU. Ask MaxDatagram.
	MTUUp, MTUDown int
	// FlightInterval is the first DTLS retransmission timer (RFC 6347 §4.2.4.1).
	FlightInterval time.Duration
	// HandshakeTimeout ends a DTLS handshake that does not complete.
	HandshakeTimeout time.Duration
	// KeepAlive is the silence after which a mapping on the way (a NAT) may be
	// forgotten; 0 means that silence costs nothing.
	KeepAlive time.Duration

	// RateUp and RateDown are the link's rates from the constrained side
	// (up) and towards it (down); 0 means not known, or that messages have no
	// airtime.
	RateUp, RateDown float64
	// OneWayDelay is the delay of the link without airtime: propagation,
	// interleaving, processing.
	OneWayDelay time.Duration
	// Jitter is added to OneWayDelay, evenly distributed from 0 to Jitter.
	Jitter time.Duration
	// Loss is how the link loses datagrams.
	Loss GilbertElliott
	// Overhead is what the layers below UDP's payload add to a datagram, or to
	// each frame of it, in bytes: 28 for IPv4 and UDP alone.
	Overhead int
	// Frame is the payload of a frame where the layer below splits datagrams
	// into frames, in bytes; 0 means one frame for each datagram.
	Frame int
	// QueueUp and QueueDown are the bytes, Overhead included, that wait in front
	// of the link before it drops datagrams; 0 means unbounded.
	QueueUp, QueueDown int

	// HalfDuplex says that one side transmits at a time. Each change of direction
	// costs Turnaround and Preamble.
	HalfDuplex           bool
	Turnaround, Preamble time.Duration
	// MaxTurn is how long a side of a half-duplex link may keep the other one
	// waiting; a single datagram may take longer.
	MaxTurn time.Duration
	// MinGap is the time that must pass between two messages of a direction.
	MinGap time.Duration
	// ContactWindow is how long the link is open in each ContactPeriod; both 0
	// mean always.
	ContactWindow, ContactPeriod time.Duration
}

// GilbertElliott is loss by a Markov process with two states in continuous time.
// The zero value loses nothing.
type GilbertElliott struct {
	// MeanGood and MeanBad are the mean times that the link stays in each state,
	// both exponentially distributed.
	MeanGood, MeanBad time.Duration
	// LossGood and LossBad are the probabilities from 0 to 1 that a frame sent in
	// that state is lost.
	LossGood, LossBad float64
}

// Mean is the part of the frames that is lost in the long run, from 0 to 1.
func (g GilbertElliott) Mean() float64 {
	if g.MeanGood+g.MeanBad <= 0 {
		return g.LossGood
	}
	bad := float64(g.MeanBad) / float64(g.MeanGood+g.MeanBad)
	return bad*g.LossBad + (1-bad)*g.LossGood
}

// Default returns the parameters of RFC 7252 §4.8 for a link about which nothing
// is known: an ordinary path over the Internet.
func Default() Profile {
	return Profile{
		Name:             "default",
		Description:      "an ordinary path over the Internet",
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
		Overhead:         28,
	}
}

// ByName returns the profile of that name: Default or one of Profiles.
func ByName(name string) (Profile, bool) {
	if p := Default(); p.Name == name {
		return p, true
	}
	for _, p := range Profiles() {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// Names returns the names that ByName knows.
func Names() []string {
	names := []string{Default().Name}
	for _, p := range Profiles() {
		names = append(names, p.Name)
	}
	return names
}
