package endpoint

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nat is a mapping between two ends that is forgotten after a silence, 0 for never. The
// next datagram of the inner end makes another.
type nat struct {
	lasts time.Duration

	mu    sync.Mutex
	id    uint32
	used  time.Time
	bytes int
	lost  int
}

func (n *nat) PathState() (uint32, int, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id, 0, true
}

func (n *nat) PathVerified(uint32) bool { return true }

// pass reports whether a datagram of that many bytes finds the mapping.
func (n *nat) pass(bytes int, outward bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bytes += bytes
	gone := n.lasts > 0 && !n.used.IsZero() && time.Since(n.used) > n.lasts
	switch {
	case gone && !outward:
		n.lost++
		return false
	case gone:
		n.id++
	}
	n.used = time.Now()
	return true
}

// counts returns how many bytes were sent, and how many datagrams were lost.
func (n *nat) counts() (bytes, lost int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bytes, n.lost
}

// natEnd is one of the ends.
type natEnd struct {
	*datagrams
	*nat
	inner bool
}

func (e natEnd) Write(p []byte) (int, error) {
	const headers = 28 + 31 // IP and UDP, and a DTLS record in the mean of both directions
	if !e.pass(len(p)+headers, e.inner) {
		return len(p), nil
	}
	return e.datagrams.Write(p)
}

// TestIdleHour: a client observes something of which there is no news. What an idle hour
// costs, when the way was learnt, and whether news arrive then.
func TestIdleHour(t *testing.T) {
	for _, c := range []struct {
		name      string
		keepAlive time.Duration
		lasts     time.Duration
		atMost    int // bytes an hour
	}{
		{"no NAT, and the profile knows", 0, 0, 0},
		{"no NAT", 25 * time.Second, 0, 250},
		{"NAT of 5 minutes", 25 * time.Second, 5 * time.Minute, 14 * 130},
		{"NAT of 60 seconds", 25 * time.Second, time.Minute, 70 * 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := datagramPipe()
				n := &nat{lasts: c.lasts}
				profile := testProfile()
				profile.KeepAlive = c.keepAlive
				observers := make(chan *Observer, 1)
				server := New(natEnd{theirs, n, false}, Config{Profile: profile, Side: SideFar, Paths: n, Handler: HandlerFunc(func(_ context.Context, r *Request) *Response {
					o, err := r.StartObservation()
					if err == nil {
						observers <- o
					}
					return &Response{Code: Content}
				})})
				client := New(natEnd{ours, n, true}, Config{Profile: profile, Side: SideConstrained})
				server.SetPeer(profile)
				client.SetPeer(profile)
				defer func() {
					_ = client.Close()
					_ = server.Close()
					client.Wait()
					server.Wait()
				}()
				news := 0
				_, err := client.Observe(t.Context(), get("sync"), func(*Response) error { news++; return nil })
				require.NoError(t, err)
				o := <-observers
				time.Sleep(24 * time.Hour) // it learns
				before, _ := n.counts()
				time.Sleep(10 * time.Hour)
				after, lost := n.counts()
				hour := (after - before) / 10
				learnt := client.Mapping()
				t.Logf("%d B an hour, longest safe silence %v, shortest deadly %v", hour, learnt.Lasts, learnt.Dies)
				assert.LessOrEqual(t, hour, c.atMost)
				if c.keepAlive > 0 && c.lasts > 0 {
					assert.LessOrEqual(t, learnt.Lasts, c.lasts)
					assert.Greater(t, learnt.Lasts, c.lasts*3/4, "most of what the mapping bears is used")
				}
				for range 100 {
					time.Sleep(7 * time.Minute)
					require.NoError(t, o.Notify(t.Context(), &Response{Code: Content, Body: strings.NewReader("news"), Size: 4}))
				}
				assert.Equal(t, 101, news)
				_, since := n.counts()
				assert.Equal(t, lost, since, "nothing meets a dead mapping")
			})
		})
	}
}

// Nothing is said where nothing is expected, whatever the profile says.
func TestNothingExpectedNothingSent(t *testing.T) {
	cfg := Config{Profile: testProfile(), Side: SideConstrained}
	cfg.Profile.KeepAlive = 10 * time.Second
	climb(t, cfg, func(l *ladder) {
		l.conn.SetPeer(cfg.Profile)
		result := l.do(l.t.Context(), get("x"))
		l.run(`
			< CON GET #a t=$t /x
			> ACK 2.05 #a t=$t "22"
			~ 12h
		`)
		require.Equal(t, outcome{Content, "22", nil}, <-result)
	})
}

// A long-poll holds the mapping; when its answer has come, silence is golden again.
func TestLongPollHoldsMapping(t *testing.T) {
	cfg := Config{Profile: testProfile(), Side: SideConstrained}
	cfg.Profile.KeepAlive = 10 * time.Second
	climb(t, cfg, func(l *ladder) {
		l.conn.SetPeer(cfg.Profile)
		result := l.do(l.t.Context(), get("x"))
		l.run(`
			< CON GET #a t=$t /x
			> ACK EMPTY #a
			< CON GET #b t=$t O265=  @10s..10s
			> ACK EMPTY #b
			< CON GET #c t=$t O265=  @20s..20s
			> ACK 2.04 #c t=$t
			< CON GET #d t=$t O265=  @15s..15s
			> CON 2.05 #0001 t=$t "news"
			< ACK EMPTY #0001
			> ACK EMPTY #d
			~ 12h
		`)
		require.Equal(t, outcome{Content, "news", nil}, <-result)
		require.Equal(t, Mapping{Lasts: 15 * time.Second, Dies: 20 * time.Second}, l.conn.Mapping())
	})
}

// A peer that did not answer the question, but was heard after it was asked, has not lost the
// session: its answers were lost, or the question.
func TestHeardIsNotUnanswered(t *testing.T) {
	for _, heard := range []bool{false, true} {
		unanswered := 0
		cfg := Config{Profile: testProfile(), Side: SideConstrained, Unanswered: func() { unanswered++ }}
		cfg.Profile.KeepAlive = 10 * time.Second
		cfg.Profile.MaxRetransmit = 1
		climb(t, cfg, func(l *ladder) {
			l.conn.SetPeer(cfg.Profile)
			w := l.observe(registered)
			require.NoError(t, w.err)
			l.run(`
				< CON GET #b t=$t O265=  @10s..10s
				< CON GET #b t=$t O265=  @2s..2s
				~ 1s
			`)
			if heard {
				l.run(`> NON 2.05 #0001 t=$t Observe=11 "19 Cel"`)
			}
			l.run(`~ 4s`)
		})
		assert.Equal(t, !heard, unanswered == 1, "heard: %v", heard)
	}
}
