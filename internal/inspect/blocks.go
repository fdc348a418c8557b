package inspect

import (
	"fmt"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// body is one that travels in blocks (RFC 7959, RFC 9177), as far as it has come.
type body struct {
	// first has the options of the first block.
	first  *endpoint.Message
	blocks map[uint32][]byte
	last   uint32
	ended  bool
	size   int
	whole  bool
}

// blockOption returns the block of a message's own payload.
func blockOption(m *endpoint.Message, request bool) (value []byte, ok bool) {
	numbers := [2]endpoint.OptionNumber{endpoint.Block2, endpoint.QBlock2}
	if request {
		numbers = [2]endpoint.OptionNumber{endpoint.Block1, endpoint.QBlock1}
	}
	for _, n := range numbers {
		if value, ok := m.Options.Get(n); ok {
			return value, true
		}
	}
	return nil, false
}

// isBlock reports whether a request goes on with one that was made before: it brings
// another block of its body, or asks for one of the response's.
func (x *exchange) isBlock(m *endpoint.Message) bool {
	for _, request := range []bool{true, false} {
		if value, ok := blockOption(m, request); ok {
			if num, _, _, ok := blockOf(value); ok && num > 0 {
				return true
			}
		}
	}
	return false
}

// body reports on the payload of a message, which may be a block.
func (c *Conversation) body(r *Report, m *endpoint.Message, x *exchange, request bool) {
	value, blocked := blockOption(m, request)
	num, more, size, ok := blockOf(value)
	if !blocked || !ok || num == 0 && !more {
		if request && len(m.Payload) > 0 && x.isBlock(m) {
			r.hide(Payload, 0, len(m.Payload), "payload: that of the request again")
			return
		}
		x.body = nil
		c.whole(r, m, m.Payload, x, request)
		return
	}
	if len(m.Payload) == 0 {
		return
	}
	r.hide(Payload, 0, len(m.Payload), fmt.Sprintf("payload: from byte %d on", int(num)*size))
	if num == 0 || x.body == nil || x.body.request() != request {
		if num != 0 || x.body != nil && !x.body.whole && x.body.request() == request {
			return // of a body whose beginning was not seen, or again
		}
		x.body = &body{first: m, blocks: map[uint32][]byte{}}
	}
	b := x.body
	if b.whole || b.blocks[num] != nil || b.size+len(m.Payload) > maxDecoded {
		return
	}
	b.blocks[num] = m.Payload
	b.size += len(m.Payload)
	if !more {
		b.ended, b.last = true, num
	}
	if !b.ended || len(b.blocks) != int(b.last)+1 {
		return
	}
	all := make([]byte, 0, b.size)
	for n := range b.last + 1 {
		all = append(all, b.blocks[n]...)
	}
	b.whole = true
	// These bytes have been counted.
	cost := r.Cost
	c.whole(r, b.first, all, x, request)
	r.Cost = cost
}

func (b *body) request() bool { return b.first.Code.IsRequest() }
