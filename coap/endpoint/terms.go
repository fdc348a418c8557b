package endpoint

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// terms are what a session goes by: the profile of its link and what follows from
// it. They never change; the session replaces them as a whole when it learns more.
type terms struct {
	profile *link.Profile
	side    Side
	// overhead is what the layer below adds to each datagram, in bytes.
	overhead int
	// ackDelay is how long a request waits for its response before it is
	// acknowledged on its own.
	ackDelay time.Duration
	// lifetime is EXCHANGE_LIFETIME (RFC 7252 §4.8.2), the longer one of both sides.
	lifetime time.Duration
	// peerKnown: the peer is an endpoint of this package, which knows RFC 9177.
	peerKnown bool
}

func newTerms(cfg *Config) *terms {
	return &terms{
		profile: &cfg.Profile, side: cfg.Side, overhead: cfg.Overhead,
		ackDelay: min(cfg.Profile.EmptyAckDelay, unknownPeerAckDelay),
		lifetime: cfg.Profile.ExchangeLifetime(),
	}
}

// agreed returns the terms for a session with an endpoint of this package: ours
// stay those of profile ours, and the peer goes by peers.
func (t *terms) agreed(ours, peers *link.Profile) *terms {
	return &terms{
		profile: ours, side: t.side, overhead: t.overhead, peerKnown: true,
		// Late enough to piggyback most responses, and before the peer repeats.
		ackDelay: min(ours.EmptyAckDelay, peers.AckTimeout/2),
		lifetime: max(t.lifetime, ours.ExchangeLifetime(), peers.ExchangeLifetime()),
	}
}

// terms returns what the session goes by now.
func (c *Conn) terms() *terms { return c.current.Load() }

// SetPeer tells the session that the peer is an endpoint of this package with
// profile p. Then empty acknowledgements are delayed as the profile says,
// EXCHANGE_LIFETIME is the longer one of both sides, blocks belong to a transfer only
// if they carry its token, and bodies that do not fit one datagram travel by RFC 9177.
func (c *Conn) SetPeer(p link.Profile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.terms()
	c.goBy(t.agreed(t.profile, &p))
}

// Adopt makes p, which must be valid, the profile of the session in place of that
// of Config, and tells it as SetPeer does that the peer is an endpoint of this
// package which goes by p. All times and sizes are those of p from now on, but
// EXCHANGE_LIFETIME never becomes shorter, for the peer may repeat what it sent
// before. What is known of round trips is forgotten. Messages under way keep the
// timeouts that they have. It does not block, and a Handler may call it in Admit.
func (c *Conn) Adopt(p link.Profile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.terms().agreed(&p, &p)
	c.goBy(t)
	c.estimator = c.estimator.succeeded(newEstimator(t))
	c.gate.resize(p.NStart)
}

// goBy replaces the terms. The message that they were learnt from has arrived under
// those before, and is repeated by its sender under the new ones. c.mu is held.
func (c *Conn) goBy(t *terms) {
	c.seen.prolong(t.lifetime - c.terms().lifetime)
	c.current.Store(t)
}

// largestSent is the largest datagram that this side may send, in bytes.
func (t *terms) largestSent() int {
	if t.side == SideUnknown {
		return t.profile.MTU
	}
	return t.profile.MaxDatagram(t.side == SideConstrained)
}

// largestReceived is the largest datagram that the peer may send, in bytes.
func (t *terms) largestReceived() int {
	if t.side == SideUnknown {
		return t.profile.MTU
	}
	return t.profile.MaxDatagram(t.side != SideConstrained)
}

// blockSize is the largest block that this side asks for or sends, in bytes.
func (t *terms) blockSize() int {
	if t.profile.BlockSize == 0 {
		return maxBlockSize
	}
	return t.profile.BlockSize
}

// readBuffer is room for any datagram that the peer may send, in bytes.
func (t *terms) readBuffer() int {
	return max(t.profile.MaxDatagram(true), t.profile.MaxDatagram(false), minReadBuffer)
}
