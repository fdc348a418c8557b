// Package trace names the events of a session as small structs and hands them to
// a Recorder. It carries sizes, codes and times, never payloads, paths or
// credentials.
package trace

import "time"

// Kind says what happened.
type Kind uint8

// Kinds of events.
const (
	// Sent and Received: one CoAP message crossed the connection.
	Sent Kind = iota + 1
	Received
	// Retransmitted: a confirmable message was sent again (RFC 7252 §4.2).
	Retransmitted
	// Duplicate: a message was recognised as a duplicate (RFC 7252 §4.5).
	Duplicate
	// Malformed: a datagram was refused (RFC 7252 §3, §4.2).
	Malformed
	// GaveUp: retransmission was exhausted (RFC 7252 §4.2).
	GaveUp
	// Measured: a confirmable message that was sent once was answered after RoundTrip;
	// what describes the message is that of the one sent.
	Measured
)

// Event is one thing that happened on a session.
type Event struct {
	// Session is the number of the session, 0 where it has none.
	Session uint64
	Kind    Kind
	// At is the time of the event by the clock of the recording side.
	At time.Time
	// MessageID, Type and Code are those of the message (RFC 7252 §3).
	MessageID  uint16
	Type, Code uint8
	// Bytes is the length of the CoAP message.
	Bytes int
	// RoundTrip is what Measured says, 0 for other kinds.
	RoundTrip time.Duration
}

// Recorder receives events.
type Recorder interface {
	// Record is called on the path of every message, from several goroutines: it must be
	// quick and must not block.
	Record(Event)
}
