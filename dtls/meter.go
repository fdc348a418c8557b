package dtls

import "sync/atomic"

// Meter counts what crosses the link outside of sessions: handshakes, those that fail
// included, resets, and at a server what strangers send. Its zero value is ready; several
// Configs may share one.
type Meter struct{ sent, received flow }

// Traffic is what went one way.
type Traffic struct {
	// Datagrams are those of UDP, Bytes what is in them.
	Datagrams, Bytes uint64
}

// Sent is what this end has sent.
func (m *Meter) Sent() Traffic { return m.sent.traffic() }

// Received is what has come to this end.
func (m *Meter) Received() Traffic { return m.received.traffic() }

// ofSession tells whether a datagram that begins with this record is one of a session: all that
// a session sends, but for what ends it, is application data.
func ofSession(first record) bool { return first.typ == typeApplicationData || first.typ == typeCID }

type flow struct{ datagrams, bytes atomic.Uint64 }

// count adds a datagram. A nil flow counts nothing.
func (f *flow) count(b []byte) {
	if f != nil {
		f.datagrams.Add(1)
		f.bytes.Add(uint64(len(b)))
	}
}

func (f *flow) traffic() Traffic { return Traffic{f.datagrams.Load(), f.bytes.Load()} }

// outgoing and incoming are the flows of the meter, nil where there is none.
func (c *Config) outgoing() *flow {
	if c.Meter == nil {
		return nil
	}
	return &c.Meter.sent
}

func (c *Config) incoming() *flow {
	if c.Meter == nil {
		return nil
	}
	return &c.Meter.received
}
