package endpoint

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
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

// withhold is roam with such a connection. A message is repeated after 2 to 3 s first, and four times.
func withhold(t *testing.T, f func(l *ladder, nc *strict)) {
	withholdOver(t, testProfile(), f)
}

func withholdOver(t *testing.T, profile link.Profile, f func(l *ladder, nc *strict)) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := datagramPipe()
		nc := &strict{datagrams: ours, p: &roamer{verified: true}}
		cfg := Config{Profile: profile, Handler: HandlerFunc(bodies), Paths: nc.p}
		cfg.Profile.MaxRetransmit = 4
		l := &ladder{t: t, conn: New(nc, cfg), peer: theirs,
			mids: map[string]uint16{}, toks: map[string][]byte{}, clock: time.Now()}
		defer l.conn.Wait()
		defer l.conn.Close()
		f(l, nc)
	})
}

// What most of these tests begin with, while the peer is where it is known to be: a response that
// is a message of its own, and one that comes with the acknowledgement.
const (
	lateResponse = `
		> CON GET #0003 t=03 /large ?later
		< ACK EMPTY #0003  @1s..1s
		< CON 2.05 #r t=03 [0:200]  @2s..2s
	`
	answered = `
		> CON GET #0001 t=01 /large
		< ACK 2.05 #0001 t=01 [0:200]
	`
)

// sendLarge sends a message of 200 bytes and tells what came of it.
func sendLarge(l *ladder) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- l.conn.confirm(l.t.Context(), &Message{Type: Confirmable, Code: Content, Payload: testBody(200)}, class{})
	}()
	return done
}

// A response that is kept back has the peer asked where it is, and is sent when the peer has
// shown that it receives there. No timer repeats it meanwhile.
func TestWithheldUntilVerified(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(lateResponse)
		nc.p.moves(100)
		l.run(`
			< CON EMPTY #p t=  @2s..3s
			< CON EMPTY #p t=  @2s..3s
			< CON EMPTY #p t=  @4s..6s
			< CON EMPTY #p t=  @8s..12s
			~ 500ms
			> RST EMPTY #p t=
			< CON 2.05 #r t=03 [0:200]
			> ACK EMPTY #r
		`)
		require.True(l.t, nc.p.isVerified())
		require.EqualValues(l.t, 1, nc.held.Load())
	})
}

// A peer whose address is another one whenever it sends is asked again at once, but not for
// ever: its answer would bring the next question.
func TestWithheldFromMovingPeer(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(lateResponse)
		nc.p.moves(100)
		l.run(`< CON EMPTY #p t=  @2s..3s`)
		for range 5 {
			answersElsewhere(l, nc)
			l.run(`~ 20s`)
			nc.p.moves(100)
			l.run(`
				> CON EMPTY #0004 t=
				< RST EMPTY #0004 t=
				< CON EMPTY #p t=
			`)
		}
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
		require.EqualValues(l.t, 1, nc.held.Load())
	})
}

// What was never sent is not given up while the peer is heard, and repeated as often as
// anything when it can be.
func TestWithheldForLong(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(`
			> CON GET #0003 t=03 /large ?later
			< ACK EMPTY #0003  @1s..1s
		`)
		nc.p.moves(100)
		l.run(`< CON EMPTY #p t=  @2s..2s`)
		for range 6 {
			answersElsewhere(l, nc)
			l.run(`~ 1m`)
			nc.p.moves(100)
			l.run(`
				> CON EMPTY #0004 t=
				< RST EMPTY #0004 t=
				< CON EMPTY #p t=
			`)
		}
		l.run(`
			> RST EMPTY #p t=
			< CON 2.05 #r t=03 [0:200]
			< CON 2.05 #r t=03 [0:200]  @2s..3s
			< CON 2.05 #r t=03 [0:200]  @4s..6s
			> ACK EMPTY #r
		`)
	})
}

// answersElsewhere answers the question #p and those that follow from another address each.
func answersElsewhere(l *ladder, nc *strict) {
	for n := range maxPathChecks {
		nc.p.moves(100)
		l.run(`> RST EMPTY #p t=`)
		delete(l.mids, "p")
		if n < maxPathChecks-1 {
			l.run(`< CON EMPTY #p t=`)
		}
	}
}

// It is given up when the peer is silent for longer than it would wait.
func TestWithheldFromSilentPeer(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		nc.p.moves(100)
		done := sendLarge(l)
		begun := time.Now()
		require.ErrorIs(l.t, <-done, ErrTimeout)
		require.Equal(l.t, l.conn.Lifetime(), time.Since(begun))
		require.EqualValues(l.t, 1, nc.held.Load())
	})
}

// What was repeated in vain towards where the peer is no longer goes to where it is.
func TestRepeatedElsewhere(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(`
			> CON GET #0003 t=03 /small ?later
			< ACK EMPTY #0003  @1s..1s
			< CON 2.05 #r t=03 [0:20]  @2s..2s
			< CON 2.05 #r t=03 [0:20]  @2s..3s
			~ 100ms
		`)
		nc.p.moves(1000)
		l.run(`
			> CON EMPTY #0004 t=
			< RST EMPTY #0004 t=
			< CON 2.05 #r t=03 [0:20]
			> CON EMPTY #0005 t=
			< RST EMPTY #0005 t=
			~ 1s
			> ACK EMPTY #r
		`)
	})
}

// What a peer has sent is room for what is sent to it.
func TestWithheldUntilItFits(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(lateResponse)
		nc.p.moves(100)
		l.run(`< CON EMPTY #p t=  @2s..3s`)
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

// An answer for which the peer cannot wait any more is not sent.
func TestWithheldAnswerGetsStale(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(answered)
		nc.p.moves(100)
		l.run(`
			> CON GET #0001 t=01 /large
			< CON EMPTY #p t=
			< CON EMPTY #p t=  @2s..3s
			< CON EMPTY #p t=  @4s..6s
			< CON EMPTY #p t=  @8s..12s
			< CON EMPTY #p t=  @16s..24s
			~ 3m
			> CON EMPTY #0004 t=
			< RST EMPTY #0004 t=
			~ 1m
		`)
		require.EqualValues(l.t, 1, nc.held.Load())
	})
}

// The answer to a request that is repeated from elsewhere, too.
func TestWithheldAnswer(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(answered)
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

// Time stands still for it, too, while the link is known to be down.
func TestWithheldInOutage(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		nc.p.moves(100)
		done := sendLarge(l)
		l.run(`< CON EMPTY #p t=`)
		l.conn.SetLink(false)
		time.Sleep(l.conn.Lifetime())
		l.conn.SetLink(true)
		l.run(`
			< CON EMPTY #p t=
			< CON EMPTY #p t=  @2s..2s
			~ 500ms
			> RST EMPTY #p t=
			< CON 2.05 #r t= [0:200]
			> ACK EMPTY #r
		`)
		require.NoError(l.t, <-done)
	})
}

// Answers for which the peer cannot wait any more are not kept for a peer that is silent.
func TestWithheldAnswersAreForgotten(t *testing.T) {
	withhold(t, func(l *ladder, nc *strict) {
		l.run(answered)
		nc.p.moves(100)
		l.run(`> CON GET #0001 t=01 /large`)
		time.Sleep(2 * testProfile().MaxTransmitWait())
		synctest.Wait()
		l.conn.mu.Lock()
		defer l.conn.mu.Unlock()
		require.Empty(l.t, l.conn.withheld)
	})
}

// On a link of little latency EXCHANGE_LIFETIME is shorter than MAX_TRANSMIT_WAIT: what waits
// for the answer to a question is not given up before that.
func TestWithheldAsLongAsTheQuestion(t *testing.T) {
	profile := testProfile()
	profile.MaxLatency = time.Second
	require.Less(t, profile.ExchangeLifetime(), 36*time.Second)
	withholdOver(t, profile, func(l *ladder, nc *strict) {
		nc.p.moves(100)
		done := sendLarge(l)
		l.run(`
			< CON EMPTY #p t=
			< CON EMPTY #p t=  @2s..2s
			< CON EMPTY #p t=  @4s..4s
			< CON EMPTY #p t=  @8s..8s
			< CON EMPTY #p t=  @16s..16s
			~ 25s
			> RST EMPTY #p t=
			< CON 2.05 #r t= [0:200]
			> ACK EMPTY #r
		`)
		require.NoError(l.t, <-done)
	})
}
