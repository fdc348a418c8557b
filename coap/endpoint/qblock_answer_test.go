package endpoint

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestAnswerIsTakenFirst: who waits for the answer to a poll goes on when what it brings has
// been taken. Else the silence before it seems to last, which is long where the poll was
// lost, and another one is sent for nothing.
func TestAnswerIsTakenFirst(t *testing.T) {
	const szx = 2
	size := block{szx: szx}.size()
	down := Options(nil).AddUint(QBlock2, block{num: 0, more: true, szx: szx}.value())
	up := Options(nil).AddUint(QBlock1, block{num: 1, more: true, szx: szx}.value())
	tests := map[string]struct {
		m    Message
		from func(*Conn, *Message)
	}{
		"a block":                       {Message{Type: NonConfirmable, Code: Content, MessageID: 9, Options: down, Payload: make([]byte, size)}, func(c *Conn, m *Message) { c.receiveResponse(m, nil) }},
		"a block in an acknowledgement": {Message{Type: Acknowledgement, Code: Content, MessageID: 1, Options: down, Payload: make([]byte, size)}, func(c *Conn, m *Message) { c.receiveAck(m, size) }},
		"a report on what was sent":     {Message{Type: Acknowledgement, Code: Continue, MessageID: 1, Options: up}, func(c *Conn, m *Message) { c.receiveAck(m, 20) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			overLink(t, link.Default(), linkemu.Config{}, nil, func(t *testing.T, c, _ *Conn, _ *linkemu.Link) {
				x := &exchange{c: c}
				d := newBulkBody(x)
				d.begun, d.ctx, d.responseCode, d.g.szx = true, t.Context(), Content, szx
				s := &bulkPut{x: x, szx: szx, kick: make(chan struct{}, 1)}
				s.window.add(make([]byte, size), true, 1)
				s.window.add(make([]byte, size), true, 2)
				s.window.send(0, time.Now())
				s.window.send(1, time.Now())
				settled, taken := false, false
				poll := &transmission{mid: 1, ended: func(error) {
					x.pending = nil
					settled, taken = true, d.fresh == 1 || s.window.base > 0
				}}
				c.gate.intrude()
				c.mu.Lock()
				c.outstanding = map[uint16]*transmission{poll.mid: poll}
				c.exchanges = map[token]*exchange{x.token: x}
				x.pending, x.putting = poll, s
				if !tt.m.Options.Has(QBlock1) {
					x.bulk = d
				}
				c.mu.Unlock()
				tt.from(c, &tt.m)
				assert.True(t, settled)
				assert.True(t, taken)
				c.mu.Lock()
				delete(c.exchanges, x.token)
				c.mu.Unlock()
			})
		})
	}
}
