package endpoint

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// unplugged is a connection over an interface that may be down.
type unplugged struct {
	*datagrams
	down  atomic.Bool
	tried atomic.Int32 // writes while it was
	// during, if set, is called while the next datagram is written.
	during atomic.Pointer[func()]
}

func (u *unplugged) Write(p []byte) (int, error) {
	if u.down.Load() {
		u.tried.Add(1)
		return 0, &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendto", syscall.ENETUNREACH)}
	}
	if f := u.during.Swap(nil); f != nil {
		(*f)()
	}
	return u.datagrams.Write(p)
}

// climbUnplugged is climb with a connection that can be unplugged.
func climbUnplugged(t *testing.T, cfg Config, f func(l *ladder, nc *unplugged)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := datagramPipe()
		nc := &unplugged{datagrams: ours}
		l := &ladder{t: t, conn: New(nc, cfg), peer: theirs,
			mids: map[string]uint16{}, toks: map[string][]byte{}, clock: time.Now()}
		defer l.conn.Wait()
		defer l.conn.Close()
		f(l, nc)
	})
}

// impatient gives up 6 s after a message was sent.
func impatient() Config {
	cfg := Config{Profile: testProfile()}
	cfg.Profile.MaxRetransmit, cfg.Profile.NStart = 1, 2
	return cfg
}

// TestToldOutage: no time passes while the link is down, no retransmission is spent,
// and what is outstanding goes out at once when it is up.
func TestToldOutage(t *testing.T) {
	for name, cfg := range map[string]Config{"rates unknown": impatient(), "rates known": func() Config {
		cfg := impatient()
		cfg.Side, cfg.Profile.RateUp, cfg.Profile.RateDown = SideFar, 1e9, 1e9
		return cfg
	}()} {
		t.Run(name, func(t *testing.T) {
			climbUnplugged(t, cfg, func(l *ladder, _ *unplugged) {
				gaveUp := make(chan error, 2)
				go func() { gaveUp <- l.conn.Ping(l.t.Context()) }()
				l.run(`
					< CON EMPTY #a t=
					~ 1s
				`)
				l.conn.SetLink(false)
				go func() { gaveUp <- l.conn.Ping(l.t.Context()) }()
				l.run(`~ 24h`)
				l.conn.SetLink(true)
				l.run(`
					< CON EMPTY #a t=
					< CON EMPTY #b t=
					~ 1900ms
				`)
				l.conn.SetLink(false)
				l.conn.SetLink(false)
				l.run(`~ 24h`)
				l.conn.SetLink(true)
				l.run(`
					< CON EMPTY #a t=
					< CON EMPTY #b t=
				`)
				require.Empty(t, gaveUp)
				retransmitted := 0
				for {
					if _, ok := l.peer.next(time.Minute); !ok {
						break
					}
					retransmitted++
				}
				require.GreaterOrEqual(t, retransmitted, 2, "none was spent")
				require.ErrorIs(t, <-gaveUp, ErrTimeout)
				require.ErrorIs(t, <-gaveUp, ErrTimeout)
			})
		})
	}
}

// TestFoundOutage: a session that cannot write tries again, ever more sparsely, and
// what it could not send leaves when it can.
func TestFoundOutage(t *testing.T) {
	climbUnplugged(t, impatient(), func(l *ladder, nc *unplugged) {
		done := make(chan error, 2)
		go func() { done <- l.conn.Ping(l.t.Context()) }()
		l.run(`
			< CON EMPTY #a t=
			~ 1s
		`)
		nc.down.Store(true)
		go func() { done <- l.conn.Ping(l.t.Context()) }()
		l.run(`~ 100ms`)
		for _, tried := range []int32{1, 2, 3, 4, 5, 6, 7} { // at 0, 1, 3, 7, 15, 31, 63 s
			require.Equal(t, tried, nc.tried.Load())
			time.Sleep(time.Second << (tried - 1))
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		require.InDelta(t, 8+60, nc.tried.Load(), 1, "each minute")

		nc.down.Store(false)
		first, ok := l.peer.next(time.Minute)
		require.True(t, ok)
		second, ok := l.peer.next(0)
		require.True(t, ok)
		for _, data := range [][]byte{first, second} {
			m, err := ParseMessage(data)
			require.NoError(t, err)
			l.raw(emptyMessage(Reset, m.MessageID))
		}
		require.NoError(t, <-done)
		require.NoError(t, <-done)
	})
}

// TestOutageSpendsNoRetransmission, not even that by which it was found.
func TestOutageSpendsNoRetransmission(t *testing.T) {
	climbUnplugged(t, impatient(), func(l *ladder, nc *unplugged) {
		gaveUp := make(chan error, 1)
		go func() { gaveUp <- l.conn.Ping(l.t.Context()) }()
		l.run(`< CON EMPTY #a t=`)
		nc.down.Store(true)
		l.run(`~ 1h`)
		nc.down.Store(false)
		l.run(`
			< CON EMPTY #a t= @0s..60s
			< CON EMPTY #a t= @2s..2s
			~ 3900ms
		`)
		require.Empty(t, gaveUp)
		l.run(`~ 200ms`)
		require.ErrorIs(t, <-gaveUp, ErrTimeout)
	})
}

// TestOutageWhileWriting: the message that was being written when the link went down
// waits for its end like others.
func TestOutageWhileWriting(t *testing.T) {
	for name, found := range map[string]bool{"first": false, "as a probe": true} {
		t.Run(name, func(t *testing.T) {
			climbUnplugged(t, impatient(), func(l *ladder, nc *unplugged) {
				down := func() { l.conn.SetLink(false) }
				nc.down.Store(found)
				if !found {
					nc.during.Store(&down)
				}
				gaveUp := make(chan error, 1)
				go func() { gaveUp <- l.conn.Ping(l.t.Context()) }()
				synctest.Wait()
				if found {
					nc.during.Store(&down)
					nc.down.Store(false)
				}
				l.run(`
					< CON EMPTY #a t= @0s..1s
					~ 1h
				`)
				l.conn.SetLink(true)
				l.run(`
					< CON EMPTY #a t=
					< CON EMPTY #a t= @2s..2s
					~ 3900ms
				`)
				require.Empty(t, gaveUp)
				l.run(`~ 200ms`)
				require.ErrorIs(t, <-gaveUp, ErrTimeout)
			})
		})
	}
}

// TestOutageExecutesNothingTwice: after a long outage the peer may have forgotten a
// message. What was not sent before, or does no harm, is sent all the same.
func TestOutageExecutesNothingTwice(t *testing.T) {
	for _, tt := range []struct {
		name   string
		code   Code
		sent   bool // before the outage
		outage string
		again  bool
	}{
		{"PUT", PUT, true, "1h", true},
		{"POST, not sent before", POST, false, "1h", true},
		{"POST, soon enough", POST, true, "2s", true},
		{"POST", POST, true, "4s", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			climbUnplugged(t, impatient(), func(l *ladder, _ *unplugged) { // MAX_TRANSMIT_SPAN is 2 s
				if !tt.sent {
					l.conn.SetLink(false)
				}
				r := get("x")
				r.Code = tt.code
				answer := l.do(l.t.Context(), r)
				message := fmt.Sprintf("%s #a t=$t /x", "CON "+methodNames[tt.code])
				if tt.sent {
					l.run("< " + message)
					l.conn.SetLink(false)
				}
				l.run("~ " + tt.outage)
				l.conn.SetLink(true)
				if tt.again {
					l.run("< " + message)
				} else {
					require.ErrorIs(t, (<-answer).err, ErrTimeout)
				}
			})
		})
	}
}

// TestOutageIsNoPatience: the wait for a response does not count it.
func TestOutageIsNoPatience(t *testing.T) {
	cfg := impatient()
	climbUnplugged(t, cfg, func(l *ladder, _ *unplugged) {
		r := get("x")
		r.Patience = time.Minute
		answer := l.do(l.t.Context(), r)
		l.run(`
			< CON GET #a t=$t /x
			> ACK EMPTY #a
		`)
		l.conn.SetLink(false)
		l.run(`~ 1h`)
		l.conn.SetLink(true)
		l.run(`< CON EMPTY #b t=`) // is it there?
		l.run(`> RST EMPTY #b`)
		l.run(`> CON 2.05 #0001 t=$t "late"`)
		require.NoError(t, (<-answer).err)
	})
}

// TestOutageKeepsTransfers: the peer cannot ask for the next block.
func TestOutageKeepsTransfers(t *testing.T) {
	climbUnplugged(t, blocks(64, HandlerFunc(mirror)), func(l *ladder, _ *unplugged) {
		l.run(`
			> CON PUT #0001 t=aa /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=aa Block1=0/1/64
		`)
		l.conn.SetLink(false)
		l.run(`~ 24h`)
		l.conn.SetLink(true)
		l.run(`
			> CON PUT #0002 t=aa /x Block1=1/1/64 [64:128]
			< ACK 2.31 #0002 t=aa Block1=1/1/64
			~ 1h
			> CON PUT #0003 t=aa /x Block1=2/1/64 [128:192]
			< ACK 4.08 #0003 t=aa Block1=2/0/64
		`)
	})
}
