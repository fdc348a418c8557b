package endpoint

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBulkDuringOutage: no time passes for bodies in blocks either while the link is
// known to be down.
func TestBulkDuringOutage(t *testing.T) {
	away := func(l *ladder) {
		l.conn.SetLink(false)
		l.run("~ 24h")
		l.conn.SetLink(true)
	}
	t.Run("a response being sent", func(t *testing.T) {
		known(t, blocks(16, serveBody(40)), func(l *ladder) {
			l.run(`
				> CON GET #0001 t=01 /x
				< ACK 2.05 #0001 t=01 QBlock2=0/1/16 [0:16]
				< NON 2.05 #b1 t=01 QBlock2=1/1/16 [16:32]
				< NON 2.05 #b2 t=01 QBlock2=2/0/16 [32:40]
			`)
			away(l)
			l.run(`
				> CON GET #0002 t=01 QBlock2=1/0/16 QBlock2=3/1/16
				< ACK 2.05 #0002 t=01 QBlock2=1/1/16 [16:32]
			`)
			time.Sleep(7 * testProfile().MaxTransmitWait())
			synctest.Wait()
			assert.Empty(l.t, l.conn.sending)
		})
	})
	t.Run("a request body being taken", func(t *testing.T) {
		known(t, blocks(16, HandlerFunc(takeBody)), func(l *ladder) {
			l.run(`
				> NON PUT #0001 t=01 /x QBlock1=0/1/16 [0:16]
				< NON 2.31 #a t=01 QBlock1=1/1/16 @10ms..10ms
			`)
			away(l)
			l.run(`
				> CON PUT #0002 t=01 QBlock1=1/0/16 [16:20]
				< ACK 2.04 #0002 t=01 "taken"
			`)
		})
	})
	t.Run("a request that waits for its response", func(t *testing.T) {
		known(t, blocks(16, nil), func(l *ladder) {
			r := put("x", 20)
			r.Patience = time.Minute
			result := l.do(l.t.Context(), r)
			l.run(`
				< NON PUT #a t=$t /x QBlock1=0/1/16 [0:16]
				< CON PUT #b t=$t QBlock1=1/0/16 [16:20]
			`)
			l.raw(reportOn(l, "b", progress{next: 2}))
			away(l)
			synctest.Wait()
			require.Empty(l.t, result)
			begun := time.Now()
			require.Error(l.t, (<-result).err)
			assert.Less(l.t, time.Since(begun), 3*testProfile().MaxTransmitWait())
		})
	})
	t.Run("a download that was given up", func(t *testing.T) {
		known(t, blocks(1024, nil), func(l *ladder) {
			result := l.do(l.t.Context(), get("x"))
			l.run(`
				< CON GET #a t=$t /x
				> ACK 2.05 #a t=$t QBlock2=0/1/16 [0:16]
			`)
			time.Sleep(2 * testProfile().MaxTransmitWait())
			require.ErrorIs(l.t, (<-result).err, ErrTimeout)
			for _, ok := l.peer.next(0); ok; _, ok = l.peer.next(0) { // what it asked
			}
			away(l)
			synctest.Wait()
			assert.Equal(l.t, 1, parked(l.conn))
			time.Sleep(2 * testProfile().MaxTransmitWait())
			synctest.Wait()
			assert.Zero(l.t, parked(l.conn))
		})
	})
}

// parked counts the downloads that may be resumed.
func parked(c *Conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.parked)
}
