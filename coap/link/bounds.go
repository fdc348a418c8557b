package link

import "time"

// Bounds is what a server grants of the link that a client tells it. The link is
// the client's own affair; the bounds keep what it costs the server, and the path to
// the client, within limits that the server's operator sets.
type Bounds struct {
	// AckTimeout is the least ACK_TIMEOUT. With a shorter one everything that a
	// silent client asked for would be sent to it over and over at once.
	AckTimeout time.Duration
	// MaxTransmitWait is the longest MAX_TRANSMIT_WAIT (RFC 7252 §4.8.2): how long a
	// server holds unfinished transfers and unacknowledged messages of a client that
	// is silent.
	MaxTransmitWait time.Duration
	// ExchangeLifetime is the longest EXCHANGE_LIFETIME (RFC 7252 §4.8.2): how long
	// a server remembers each message to recognise its duplicates.
	ExchangeLifetime time.Duration
	// NStart is the largest NSTART: how many messages a client may leave
	// unacknowledged while the server sends more.
	NStart int
	// Rate is the highest rate of either direction, in bit/s: how much a server puts
	// on the path before it hears of the client again.
	Rate float64
	// Datagram is the largest datagram payload, in bytes: a session holds a buffer of
	// that size.
	Datagram int
}

// DefaultBounds leaves every profile that ByName knows as it is.
func DefaultBounds() Bounds {
	b := BoundsOf(Default())
	for _, p := range Profiles() {
		slower := BoundsOf(p)
		b.MaxTransmitWait = max(b.MaxTransmitWait, slower.MaxTransmitWait)
		b.ExchangeLifetime = max(b.ExchangeLifetime, slower.ExchangeLifetime)
	}
	return b
}

// BoundsOf grants no longer times than those of slowest, or of Default where these
// are longer, and of everything else what any link of Profiles needs.
func BoundsOf(slowest Profile) Bounds {
	p := Default()
	return Bounds{
		AckTimeout:       time.Second, // RFC 7252 §4.8.1
		MaxTransmitWait:  max(p.MaxTransmitWait(), slowest.MaxTransmitWait()),
		ExchangeLifetime: max(p.ExchangeLifetime(), slowest.ExchangeLifetime()),
		NStart:           8,
		Rate:             1e9,
		Datagram:         2048,
	}
}

// Clamp returns the profile nearest to p, which must be valid, that b grants, and
// whether it is another one. What tells how the link is stays as it is; where times
// are too long for b, messages are repeated less often, then sooner. Its timers may
// be shorter than the link needs: then the link is too slow for b.
func (b Bounds) Clamp(p Profile) (granted Profile, changed bool) {
	q := p
	q.NStart = min(q.NStart, b.NStart)
	q.RateUp, q.RateDown = min(q.RateUp, b.Rate), min(q.RateDown, b.Rate)
	q.MTU, q.MTUUp, q.MTUDown = min(q.MTU, b.Datagram), min(q.MTUUp, b.Datagram), min(q.MTUDown, b.Datagram)
	q.AckTimeout = max(q.AckTimeout, b.AckTimeout)
	for q.MaxRetransmit > 0 && !b.grants(q) {
		q.MaxRetransmit--
	}
	if !b.grants(q) {
		// Without retransmissions MAX_TRANSMIT_WAIT is the longest first timeout, and
		// EXCHANGE_LIFETIME is ACK_TIMEOUT + 2 × MAX_LATENCY.
		q.AckTimeout = min(q.AckTimeout, time.Duration(float64(b.MaxTransmitWait)/q.AckRandomFactor), b.ExchangeLifetime/2)
		q.MaxLatency = min(q.MaxLatency, (b.ExchangeLifetime-q.AckTimeout)/2)
	}
	return q, q != p
}

// grants reports whether the derived times of p are within b.
func (b Bounds) grants(p Profile) bool {
	return p.MaxTransmitWait() <= b.MaxTransmitWait && p.ExchangeLifetime() <= b.ExchangeLifetime
}
