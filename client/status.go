package client

import (
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// Status is what a Client knows at a moment.
type Status struct {
	// Suspended: the Client sleeps, or is closed.
	Suspended bool
	// Connected: there is a session. Whether the link is there only an answer shows.
	Connected bool
	// Address is where the server is, while Connected.
	Address string
	// WireVersion is the version that both ends agreed on, 0 while that is not known.
	WireVersion int
	// Heard is when something last came from the server, over the life of the Client.
	Heard time.Time
	// UnderWay is how many requests are.
	UnderWay int
	// Handshakes and Resumed count sessions that began with a handshake, and those that went
	// on from before a sleep or a restart. Failed are those that could not be opened.
	Handshakes, Resumed, Failed uint64
	// Sent and Received leave out handshakes.
	Sent, Received Traffic
}

// Traffic counts datagrams.
type Traffic struct {
	// Datagrams are those of UDP.
	Datagrams uint64
	// Bytes are those on the link, with all layers below that the profile of the link tells
	// of; without them, those of UDP payloads.
	Bytes uint64
}

// Status returns what is known at the moment.
func (c *Client) Status() Status {
	c.mu.Lock()
	s, t := c.before, c.transport
	c.mu.Unlock()
	if t == nil {
		s.Suspended = true
		return s
	}
	now := t.Status()
	s.count(now)
	s.UnderWay = now.UnderWay
	for _, session := range now.Sessions {
		s.Connected = true
		s.Address, s.WireVersion = session.Address, session.Version
	}
	return s
}

// count adds what a transport counted.
func (s *Status) count(t coap.Status) {
	s.Handshakes += t.Opened - t.Resumed
	s.Resumed += t.Resumed
	s.Failed += t.Failed
	s.Sent.add(t.Total.Sent)
	s.Received.add(t.Total.Received)
	s.hear(t)
}

// hear takes note of when the sessions that a transport has were heard.
func (s *Status) hear(t coap.Status) {
	for _, session := range t.Sessions {
		if session.Stats.Heard.After(s.Heard) {
			s.Heard = session.Stats.Heard
		}
	}
}

func (t *Traffic) add(more endpoint.Traffic) {
	t.Datagrams += more.Datagrams
	t.Bytes += more.LinkBytes
}
