package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A block that cannot fit its own size is refused: no buffer has room for it.
func TestBlockLargerThanItsSize(t *testing.T) {
	play(t, blocks(64, HandlerFunc(takeBody)), `
		> CON PUT #0001 t=aa /x Block1=0/1/64 [0:64]
		< ACK 2.31 #0001 t=aa Block1=0/1/64
		> CON PUT #0002 t=aa /x Block1=1/0/64 [64:1400]
		< ACK 4.00 #0002 t=aa Block1=1/0/64
	`)
}

// A body in one message counts as one in blocks does.
func TestBodyInOneMessageIsBounded(t *testing.T) {
	cfg := blocks(1024, HandlerFunc(takeBody))
	cfg.MaxBody = 64
	play(t, cfg, `
		> CON PUT #0001 t=aa /x [0:65]
		< ACK 4.13 #0001 t=aa Size1=64
		> CON PUT #0002 t=aa /x [0:64]
		< ACK 2.04 #0002 t=aa "taken"
	`)
}

// Block answers that the peer does not acknowledge count among what it has served
// at once.
func TestUnconfirmedBlocksAreBounded(t *testing.T) {
	cfg := blocks(64, HandlerFunc(func(ctx context.Context, _ *Request) *Response {
		return &Response{Code: Content, Body: flowing(ctx, 500, 4*time.Second), Size: -1}
	}))
	cfg.MaxRequests = 1
	climb(t, cfg, func(l *ladder) {
		l.run(`
			> CON GET #0001 t=aa /x
			< ACK EMPTY #0001 @0s..5s
		`)
		data, ok := l.peer.next(l.duration("5s"))
		require.True(t, ok)
		first, err := ParseMessage(data)
		require.NoError(t, err)
		require.Equal(t, Content, first.Code)
		l.raw(emptyMessage(Acknowledgement, first.MessageID))
		l.run(`
			> CON GET #0002 t=aa /x Block2=1/0/64
			< ACK EMPTY #0002 @0s..5s
		`)
		_, ok = l.peer.next(l.duration("5s")) // the block, which is not acknowledged
		require.True(t, ok)
		l.run(`
			> CON GET #0003 t=aa /x Block2=1/0/64
			< ACK 5.03 #0003 t=aa MaxAge=5
		`)
	})
}

// A peer that repeats a block out of turn costs no memory for each time.
func TestBlocksOutOfTurnAreForgotten(t *testing.T) {
	stuck := HandlerFunc(func(ctx context.Context, _ *Request) *Response { <-ctx.Done(); return nil })
	cfg := blocks(1024, stuck)
	climb(t, cfg, func(l *ladder) {
		for i := range 5 { // what is not read fills the buffer, and the last one waits
			l.send(fmt.Sprintf("CON PUT #%04x t=aa /x Block1=%d/1/1024 [0:1024]", i, i))
		}
		for range 1000 {
			l.send("CON PUT #0fff t=aa /x Block1=4/0/1024 [0:1000]")
		}
		l.conn.mu.Lock()
		defer l.conn.mu.Unlock()
		require.LessOrEqual(t, len(l.conn.seen.order), 10)
	})
}

// Responses in memory that the peer begins and does not fetch are bounded by their
// size as well as by their number.
func TestHeldResponsesAreBounded(t *testing.T) {
	body := make([]byte, maxHeld/3)
	cfg := blocks(64, HandlerFunc(func(context.Context, *Request) *Response {
		return &Response{Code: Content, Body: bytes.NewReader(body), Size: int64(len(body))}
	}))
	climb(t, cfg, func(l *ladder) {
		for i := range 10 {
			l.send(fmt.Sprintf("CON GET #%04x t=%02x /x", i, i))
			synctest.Wait()
		}
		l.conn.mu.Lock()
		defer l.conn.mu.Unlock()
		require.Len(t, l.conn.downloads, 3)
	})
}

// A registration whose body never arrives whole leaves no observer behind.
func TestObserverOfAbandonedUpload(t *testing.T) {
	cfg := blocks(64, HandlerFunc(func(_ context.Context, r *Request) *Response {
		_, err := r.StartObservation()
		require.NoError(t, err)
		return &Response{Code: Content}
	}))
	climb(t, cfg, func(l *ladder) {
		l.run(`
			> CON FETCH #0001 t=aa Observe=0 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=aa Block1=0/1/64
			~ 10m
		`)
		l.conn.mu.Lock()
		defer l.conn.mu.Unlock()
		require.Empty(t, l.conn.observers)
	})
}
