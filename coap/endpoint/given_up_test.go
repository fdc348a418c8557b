package endpoint

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLifetime: the longer one of both ends, and never a shorter one than before.
func TestLifetime(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		ours := testProfile().ExchangeLifetime()
		assert.Equal(t, ours, l.conn.Lifetime())
		slow := tenBytes().Profile
		l.conn.SetPeer(slow)
		require.Greater(t, slow.ExchangeLifetime(), ours)
		assert.Equal(t, slow.ExchangeLifetime(), l.conn.Lifetime())
		l.conn.Adopt(testProfile())
		assert.Equal(t, slow.ExchangeLifetime(), l.conn.Lifetime())
	})
}

// What waits for the link when a request is given up is never sent.
func TestGivenUpIsNotSent(t *testing.T) {
	cfg := Config{Profile: testProfile()}
	cfg.Profile.NStart = 1
	climb(t, cfg, func(l *ladder) {
		ctx, cancel := context.WithCancel(l.t.Context())
		l.conn.SetLink(false)
		waits := l.do(ctx, get("waits for the link"))
		synctest.Wait()
		cancel()
		require.ErrorIs(t, (<-waits).err, context.Canceled)
		l.conn.SetLink(true)
		l.run(`~ 1m`)

		first := l.do(l.t.Context(), get("first"))
		l.run(`< CON GET #a t=$t /first`)
		ctx, cancel = context.WithCancel(l.t.Context())
		second := l.do(ctx, get("waits for the gate"))
		l.run(`~ 1s`)
		cancel()
		require.ErrorIs(t, (<-second).err, context.Canceled)
		l.run(`
			> ACK 2.05 #a t=$t
			~ 1m
		`)
		require.NoError(t, (<-first).err)
	})
}

// Nothing is resumed of a request whose arrival somebody counts: it may mean something
// else than one of before with the same bytes.
func TestCountedIsNotResumed(t *testing.T) {
	cfg := blocks(16, nil)
	cfg.Profile.MaxRetransmit = 0
	for name, isCounted := range map[string]bool{"counted": true, "not counted": false} {
		t.Run("upload, "+name, func(t *testing.T) {
			known(t, cfg, func(l *ladder) {
				r := put("x", 400)
				if isCounted {
					r, _ = counted(r)
				}
				result := l.do(l.t.Context(), r)
				l.run(`
					< NON PUT #a t=$t /x QBlock1=0/1/16 [0:16]
					> NON 2.31 #0001 t=$t QBlock1=1/1/16
				`)
				require.ErrorIs(t, (<-result).err, ErrTimeout)
				synctest.Wait()
				require.Equal(t, isCounted, len(l.conn.exchanges) == 0)
			})
		})
		t.Run("download, "+name, func(t *testing.T) {
			known(t, cfg, func(l *ladder) {
				r := get("x")
				if isCounted {
					r, _ = counted(r)
				}
				result := l.do(l.t.Context(), r)
				l.run(`
					< CON GET #a t=$t /x Block2=0/0/16
					> ACK 2.05 #a t=$t QBlock2=0/1/16 [0:16]
				`)
				require.ErrorIs(t, (<-result).err, ErrTimeout)
				synctest.Wait()
				require.Equal(t, isCounted, len(l.conn.exchanges) == 0)
			})
		})
	}
}
