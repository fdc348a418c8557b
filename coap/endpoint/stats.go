package endpoint

import "time"

// Stats is what a session has counted since it began, and its state at the moment.
type Stats struct {
	// Profile is the name of the link that the session goes by.
	Profile string
	// Sent and Received count datagrams of either direction.
	Sent, Received Traffic
	// Retransmissions are confirmable messages sent again (RFC 7252 §4.2), Duplicates
	// messages of the peer that came again (§4.5), Malformed datagrams that are no
	// message, and GaveUp messages never acknowledged.
	Retransmissions, Duplicates, Malformed, GaveUp uint64
	// LossSent and LossReceived are the part of the latest confirmable messages and blocks
	// of a direction that had to be sent again, from 0 to 1; -1 while nothing tells. A message
	// whose acknowledgement was lost counts, too.
	LossSent, LossReceived float64
	RoundTrip              RoundTrip
	// Heard is when the last datagram came, zero for never.
	Heard time.Time
	// Down: the link is known to be down, since DownSince.
	Down      bool
	DownSince time.Time
	// Outstanding are confirmable messages that wait for an acknowledgement; Waiting are
	// those that wait for one of them to get it (NSTART, RFC 7252 §4.7), and Queued are
	// datagrams that wait until the link is free.
	Outstanding, Waiting, Queued int
	// Requests are ours under way, observations left out; Serving are the peer's.
	Requests, Serving int
	// Observations are ours, Observers the peer's (RFC 7641).
	Observations, Observers int
	// Transfers are the bodies under way in blocks, oldest first.
	Transfers []Transfer
}

// Traffic is what went one way.
type Traffic struct {
	// Datagrams are messages of CoAP: one travels in each.
	Datagrams uint64
	// Bytes are those of CoAP messages, LinkBytes with all layers below: the record of
	// the layer that secures the session, taken to be as long on what comes as on what goes,
	// and what Profile.Overhead says.
	Bytes, LinkBytes uint64
	// Airtime is how long the link was busy with them by its profile; 0 where that does
	// not tell rates.
	Airtime time.Duration
}

// RoundTrip is the time from when a confirmable message leaves until it is answered. Only
// messages sent once count (Karn's rule, RFC 6298 §3). An answer that travels with the
// acknowledgement includes the time in which it was made.
type RoundTrip struct {
	// Smoothed is as in RFC 6298 §2; Least is close to what the link alone takes.
	Smoothed, Least, Latest time.Duration
	// Samples is how many were measured; all else is 0 before the first.
	Samples uint64
}

// Transfer is a body under way in blocks.
type Transfer struct {
	// Label is Request.Label.
	Label   string
	Sending bool // by this end
	Began   time.Time
	// Done is how many bytes have come or, where this end sends, have left and are not known
	// to be lost. Total is -1 for unknown.
	Done, Total int64
	// Rate is the estimated throughput in bytes per second: what was measured over the
	// later half of the transfer, what the profile promises before that; 0 for unknown.
	Rate float64
	// Left is how long the rest takes at that rate, -1 for unknown.
	Left time.Duration
}

// Stats returns what the session has counted. It may be called after its end.
func (c *Conn) Stats() Stats {
	now := time.Now()
	c.mu.Lock()
	s := Stats{
		Profile: c.terms().profile.Name,
		Heard:   c.heard,
		Down:    c.out.outage.on, DownSince: c.out.outage.since,
		Outstanding: len(c.outstanding), Queued: c.out.line.count,
		Requests: len(c.exchanges), Serving: c.serving, Observers: len(c.observers),
	}
	for _, x := range c.exchanges {
		if x.observation != nil {
			s.Requests--
			s.Observations++
		}
	}
	c.mu.Unlock()
	s.Waiting = c.gate.waits()

	y := &c.tally
	y.mu.Lock()
	defer y.mu.Unlock()
	s.Sent, s.Received = y.sent.snapshot(), y.received.snapshot()
	s.LossSent, s.LossReceived = y.sent.lossSeen(), y.received.lossSeen()
	s.Retransmissions, s.Duplicates, s.Malformed, s.GaveUp = y.again, y.duplicates, y.malformed, y.gaveUp
	s.RoundTrip = y.trip
	for _, t := range y.transfers {
		s.Transfers = append(s.Transfers, t.snapshot(now))
	}
	return s
}

func (f *traffic) snapshot() Traffic {
	return Traffic{Datagrams: f.datagrams, Bytes: f.bytes, LinkBytes: f.bytes + f.below, Airtime: f.airtime}
}

func (f *traffic) lossSeen() float64 {
	if f.samples == 0 {
		return -1
	}
	return f.loss
}
