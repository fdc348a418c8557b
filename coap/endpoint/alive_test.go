package endpoint

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// MAX_TRANSMIT_WAIT of testProfile is 62 seconds.

func TestLongPollIsWatched(t *testing.T) {
	got := ask(t, Config{Profile: testProfile()}, get("sync"), `
		< CON GET #a t=$t /sync
		> ACK EMPTY #a
		< CON EMPTY #ping1 @62s..62s
		> RST EMPTY #ping1
		< CON EMPTY #ping2 @62s..62s
		> RST EMPTY #ping2
		> CON 2.05 #ad7b t=$t "news"
		< ACK EMPTY #ad7b
		~ 10m
	`)
	require.Equal(t, outcome{Content, "news", nil}, got)
}

// While the peer lives, the caller decides how long to wait.
func TestContextEndsTheWait(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		ctx, cancel := context.WithTimeout(l.t.Context(), 100*time.Second)
		defer cancel()
		result := l.do(ctx, get("sync"))
		l.run(`
			< CON GET #a t=$t /sync
			> ACK EMPTY #a
			< CON EMPTY #p @62s..62s
			> RST EMPTY #p
			~ 37s
		`)
		require.Empty(t, result)
		l.run(`~ 2s`)
		require.ErrorIs(t, (<-result).err, context.DeadlineExceeded)
	})
}

// A server that restarted while it held a request knows nothing of it.
func TestLongPollOfDeadPeerEnds(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		result := l.do(l.t.Context(), get("sync"))
		l.run(`
			< CON GET #a t=$t /sync
			> ACK EMPTY #a
			< CON EMPTY #p @62s..62s
			< CON EMPTY #p @2s..2s
			< CON EMPTY #p @4s..4s
			< CON EMPTY #p @8s..8s
			< CON EMPTY #p @16s..16s
			~ 5m
		`)
		require.ErrorIs(t, (<-result).err, ErrTimeout)
	})
}

// A response that was lost for good while the peer lives ends with patience.
func TestPatience(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		r := get("sync")
		r.Patience = 100 * time.Second
		result := l.do(l.t.Context(), r)
		l.run(`
			< CON GET #a t=$t /sync
			> ACK EMPTY #a
			< CON EMPTY #p @62s..62s
			> RST EMPTY #p
			~ 5m
		`)
		require.ErrorIs(t, (<-result).err, ErrUnanswered)
	})
}
