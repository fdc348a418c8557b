package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// notifyBytes sends the first n bytes of the test body.
func (p *publisher) notifyBytes(ctx context.Context, n int) <-chan error {
	result := make(chan error, 1)
	o := p.current
	go func() {
		result <- o.Notify(ctx, &Response{Code: Content, Body: bytes.NewReader(testBody(n)), Size: int64(n)})
	}()
	return result
}

// TestNotificationWaitsForBlocks: libcoap drops what it has of a notification when
// the next one comes, and that would be lost: in a stream such as /sync each counts.
func TestNotificationWaitsForBlocks(t *testing.T) {
	p := newPublisher()
	climb(t, blocks(64, p), func(l *ladder) {
		p.start(l)
		first := p.notifyBytes(l.t.Context(), 150)
		l.run(`
			< CON 2.05 #a t=4a Observe=1 Block2=0/1/64 Size2=150 [0:64]
			> ACK EMPTY #a
			~ 1s
		`)
		require.Empty(t, first, "the acknowledgement covers the first block only")
		second := p.notify("next")
		l.run(`
			~ 10s
			> CON GET #0003 t=4b /temperature Block2=1/0/64
			< ACK 2.05 #0003 t=4b Block2=1/1/64 [64:128]
			~ 10s
			> CON GET #0004 t=4c /temperature Block2=2/0/64
			< ACK 2.05 #0004 t=4c Block2=2/0/64 [128:150]
			< CON 2.05 #b t=4a Observe=2 "next"
			> ACK EMPTY #b
		`)
		require.NoError(t, <-first)
		require.NoError(t, <-second)
	})
}

// A peer that asks for no block holds the next notification up for
// MAX_TRANSMIT_WAIT, and no longer than its caller has patience.
func TestNotificationOutlivesBlocks(t *testing.T) {
	p := newPublisher()
	cfg := blocks(64, p)
	wait := cfg.Profile.MaxTransmitWait()
	climb(t, cfg, func(l *ladder) {
		p.start(l)
		first := p.notifyBytes(l.t.Context(), 100)
		l.run(`
			< CON 2.05 #a t=4a Observe=1 Block2=0/1/64 Size2=100 [0:64]
			> ACK EMPTY #a
		`)
		ctx, cancel := context.WithCancel(l.t.Context())
		hasty := p.notifyBytes(ctx, 10)
		l.run(`~ 10s`)
		cancel()
		require.ErrorIs(t, <-hasty, context.Canceled)
		second := p.notify("next")
		l.run(fmt.Sprintf(`
			< CON 2.05 #b t=4a Observe=2 "next" @%v..%v
			> ACK EMPTY #b
		`, wait/2, wait))
		var broken *BlockError
		require.ErrorAs(t, <-first, &broken)
		require.EqualValues(t, 64, broken.Offset)
		require.NoError(t, <-second)
	})
}

// The end of the observation ends the wait.
func TestNotificationWaitsForNobody(t *testing.T) {
	p := newPublisher()
	climb(t, blocks(64, p), func(l *ladder) {
		p.start(l)
		first := p.notifyBytes(l.t.Context(), 100)
		l.run(`
			< CON 2.05 #a t=4a Observe=1 Block2=0/1/64 Size2=100 [0:64]
			> ACK EMPTY #a
		`)
		second := p.notify("next")
		l.run(`
			> CON GET #0003 t=4a Observe=1 /temperature
			< ACK 2.05 #0003 t=4a "18.5 Cel"
		`)
		require.ErrorIs(t, <-first, ErrObserverGone)
		require.ErrorIs(t, <-second, ErrObserverGone)
	})
}

// TestNotificationWhole: where it may, a notification goes in one message as far as there is
// room for two blocks.
func TestNotificationWhole(t *testing.T) {
	p := newPublisher()
	climb(t, blocks(64, p), func(l *ladder) {
		p.start(l)
		require.Equal(t, 128, l.conn.Whole())
		notify := func(n int) <-chan error {
			result, o := make(chan error, 1), p.current
			go func() {
				result <- o.Notify(l.t.Context(), &Response{Code: Content, Body: bytes.NewReader(testBody(n)), Size: int64(n), Whole: true})
			}()
			return result
		}
		first := notify(128)
		l.run(`
			< CON 2.05 #a t=4a Observe=1 [0:128]
			> ACK EMPTY #a
			~ 1s
		`)
		require.NoError(t, <-first)
		second := notify(129)
		l.run(`
			< CON 2.05 #b t=4a Observe=2 Block2=0/1/64 Size2=129 [0:64]
			> ACK EMPTY #b
			> CON GET #0003 t=4b /temperature Block2=1/0/64
			< ACK 2.05 #0003 t=4b Block2=1/1/64 [64:128]
			> CON GET #0004 t=4c /temperature Block2=2/0/64
			< ACK 2.05 #0004 t=4c Block2=2/0/64 [128:129]
		`)
		require.NoError(t, <-second)
	})
}
