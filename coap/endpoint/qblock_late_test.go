package endpoint

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// unacknowledged has a response in two blocks, the first of which nobody acknowledges, given up.
func unacknowledged(t *testing.T, steps string) {
	cfg := blocks(16, HandlerFunc(func(context.Context, *Request) *Response {
		time.Sleep(2 * time.Second)
		return &Response{Code: Content, Body: strings.NewReader(string(testBody(20))), Size: 20}
	}))
	cfg.Profile.MaxRetransmit = 0
	known(t, cfg, func(l *ladder) {
		l.run(`
			> CON GET #0002 t=07 /sync
			< ACK EMPTY #0002  @1s..1s
		`)
		for range 2 {
			_, ok := l.peer.next(time.Minute)
			assert.True(t, ok)
		}
		l.run(steps)
	})
}

// A response of which nobody has acknowledged the first block, nor asked for another, will not
// come, and the client learns it.
func TestUndeliveredBodyIsForgotten(t *testing.T) {
	unacknowledged(t, `
		~ 3s
		> CON GET #0003 t=07 O265=
		< ACK 4.04 #0003 t=07
	`)
}

// A client that has the first block, of which only the acknowledgements were lost, goes on with
// the body: what it has is not sent again.
func TestBodyOfWhichAcknowledgementsAreLost(t *testing.T) {
	unacknowledged(t, `
		~ 3s
		> CON GET #0003 t=07 QBlock2=1/1/16
		< ACK 2.05 #0003 t=07 QBlock2=1/0/16 [16:20]
		> CON GET #0004 t=07 O265=
		< ACK EMPTY #0004
		> NON GET #0005 t=07 QBlock2=2/1/16
		~ 1m
	`)
}

// The message with the first block may have been repeated, or kept back: how late it arrives
// is not taken for a round trip, for which a lost block would then have to wait.
func TestLateFirstBlockIsNoRoundTrip(t *testing.T) {
	overLink(t, link.Default(), linkemu.Config{}, nil, func(t *testing.T, c, _ *Conn, _ *linkemu.Link) {
		const szx = 2
		s := c.newBulkSend(class{}, nil, Content, token{}, szx, make([]byte, block{szx: szx}.size()))
		time.Sleep(time.Minute)
		s.report(progress{next: 1}, &incoming{c: c, m: Message{Type: NonConfirmable}})
		assert.EqualValues(t, 1, s.window.base)
		assert.Less(t, s.trip.upper(), 10*time.Second)
	})
}
