package endpoint

import (
	"bytes"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// receive handles one datagram, on the reading goroutine.
func (c *Conn) receive(datagram []byte) {
	c.record(trace.Received, datagram)
	data := bytes.Clone(datagram)
	m, err := ParseMessage(data)
	if err != nil {
		c.refuse(data, &m, err)
		return
	}
	c.mu.Lock()
	c.received++
	now := time.Now()
	silent := c.heard
	c.heard = now
	c.tellHeard()
	c.estimator.heard(now, len(data))
	c.busy(len(data), false)
	c.mu.Unlock()
	defer c.revive(silent)
	defer c.look(m.Type == Acknowledgement || m.Type == Reset)
	switch {
	case m.Type == Acknowledgement || m.Type == Reset:
		c.receiveAck(&m, len(data))
	case m.Code == Empty:
		c.reject(m.MessageID) // a ping (RFC 7252 §4.3)
	case m.isInquiry():
		c.receiveInquiry(&m)
	case m.Code.IsRequest():
		c.receiveRequest(&m, data)
	default:
		c.receiveResponse(&m, data)
	}
}

// refuse handles a malformed datagram: a confirmable message is rejected, all
// else is ignored (RFC 7252 §4.2, §4.3).
func (c *Conn) refuse(data []byte, m *Message, err error) {
	c.record(trace.Malformed, data)
	c.log.Debug("coap: malformed message", "err", err)
	if m.Type == Confirmable && err != errVersion {
		c.reject(m.MessageID)
	}
}

// reject sends a Reset (RFC 7252 §4.2).
func (c *Conn) reject(mid uint16) {
	c.write(trace.Sent, emptyMessage(Reset, mid))
}

// repeat answers a duplicate with what its original was answered, if anything.
func (c *Conn) repeat(data, answer []byte) {
	c.record(trace.Duplicate, data)
	if answer != nil {
		c.write(trace.Sent, answer)
	}
}

// emptyMessage encodes a message without code, token and content.
func emptyMessage(t Type, mid uint16) []byte {
	return []byte{version<<6 | byte(t)<<4, byte(Empty), byte(mid >> 8), byte(mid)}
}
