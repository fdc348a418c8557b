package endpoint

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// strict is a connection that keeps back what is too large for where the peer is.
type strict struct {
	*datagrams
	p    *roamer
	held atomic.Int32
}

func (s *strict) Write(b []byte) (int, error) {
	if _, room, verified := s.p.PathState(); !verified && len(b) > room {
		s.held.Add(1)
		return len(b), nil
	}
	return s.datagrams.Write(b)
}

// withhold is roam with such a connection. Timers back off from 2 to 3 s.
func withhold(t *testing.T, f func(l *ladder, nc *strict)) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := datagramPipe()
		nc := &strict{datagrams: ours, p: &roamer{verified: true}}
		cfg := Config{Profile: testProfile(), Handler: HandlerFunc(bodies), Paths: nc.p}
		cfg.Profile.MaxRetransmit = 4
		l := &ladder{t: t, conn: New(nc, cfg), peer: theirs,
			mids: map[string]uint16{}, toks: map[string][]byte{}, clock: time.Now()}
		defer l.conn.Wait()
		defer l.conn.Close()
		f(l, nc)
	})
}

// A response that was kept back is sent when the peer has shown that it receives where it
// is, not when its timer fires.
func TestWithheldUntilVerified(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(`
			> CON GET #0003 t=03 /large ?later
			< ACK EMPTY #0003  @1s..1s
			< CON 2.05 #r t=03 [0:200]  @2s..2s
		`)
		nc.p.moves(100)
		l.run(`~ 40s`)
		require.EqualValues(l.t, 4, nc.held.Load(), "repeated in vain")
		l.run(`
			> CON EMPTY #0004 t=
			< RST EMPTY #0004 t=
			< CON EMPTY #p t=
			~ 500ms
			> RST EMPTY #p t=
			< CON 2.05 #r t=03 [0:200]
			> ACK EMPTY #r
		`)
		require.True(l.t, nc.p.isVerified())
	})
}

// A peer whose address is another one whenever it sends is asked again at once.
func TestWithheldFromMovingPeer(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(`
			> CON GET #0003 t=03 /large ?later
			< ACK EMPTY #0003  @1s..1s
			< CON 2.05 #r t=03 [0:200]  @2s..2s
		`)
		nc.p.moves(100)
		l.run(`
			~ 20s
			> CON EMPTY #0004 t=
			< RST EMPTY #0004 t=
			< CON EMPTY #p t=
		`)
		nc.p.moves(100)
		l.run(`
			> RST EMPTY #p t=
			< CON EMPTY #q t=
		`)
		nc.p.moves(100)
		l.run(`
			> CON EMPTY #0005 t=
			< RST EMPTY #0005 t=
			< CON EMPTY #s t=
			> RST EMPTY #s t=
			< CON 2.05 #r t=03 [0:200]
			> ACK EMPTY #r
		`)
		require.True(l.t, nc.p.isVerified())
	})
}

// What a peer has sent is room for what is sent to it.
func TestWithheldUntilItFits(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(`
			> CON GET #0003 t=03 /large ?later
			< ACK EMPTY #0003  @1s..1s
			< CON 2.05 #r t=03 [0:200]  @2s..2s
		`)
		nc.p.moves(100)
		l.run(`~ 4s`)
		nc.p.mu.Lock()
		nc.p.room = 300
		nc.p.mu.Unlock()
		l.run(`
			> CON EMPTY #0004 t=
			< RST EMPTY #0004 t=
			< CON 2.05 #r t=03 [0:200]
			> ACK EMPTY #r
		`)
	})
}

// The answer to a request that is repeated from elsewhere, too.
func TestWithheldAnswer(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(`
			> CON GET #0001 t=01 /large
			< ACK 2.05 #0001 t=01 [0:200]
		`)
		nc.p.moves(100)
		l.run(`
			> CON GET #0001 t=01 /large
			< CON EMPTY #p t=
			> RST EMPTY #p t=
			< ACK 2.05 #0001 t=01 [0:200]
			~ 1m
		`)
		require.EqualValues(l.t, 1, nc.held.Load())
	})
}
