package coap_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// takingListener closes its sessions with it, as a DTLS listener must.
type takingListener struct {
	*pipe.Listener
	taken []net.Conn
}

func (l *takingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.taken = append(l.taken, c)
	}
	return c, err
}

func (l *takingListener) Close() error {
	for _, c := range l.taken {
		_ = c.Close()
	}
	return l.Listener.Close()
}

// TestGracefulStop: what is under way is answered within Grace; what takes longer
// is cancelled; nothing new begins.
func TestGracefulStop(t *testing.T) {
	for _, test := range []struct {
		name    string
		grace   time.Duration
		takes   time.Duration
		want    int
		stopped time.Duration
	}{
		{"in time", time.Minute, 20 * time.Second, 200, 20 * time.Second},
		{"too long", time.Minute, time.Hour, 0, time.Minute},
		{"no grace", 0, time.Hour, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/slow" {
						return
					}
					select {
					case <-time.After(test.takes):
					case <-r.Context().Done():
					}
				})
				l := &takingListener{Listener: pipe.Listen(nil)}
				ctx, stop := context.WithCancel(t.Context())
				served := make(chan error)
				go func() { served <- (&coap.Server{Handler: handler, Grace: test.grace}).Serve(ctx, l) }()
				rt := &coap.Transport{Dial: l.Dial}
				require.Equal(t, 200, status(t, rt, "GET", "/x", "", ""))
				answered := make(chan int, 1)
				reqCtx, giveUp := context.WithCancel(t.Context())
				go func() {
					r, _ := http.NewRequestWithContext(reqCtx, "POST", "http://link/slow", nil)
					resp, err := rt.RoundTrip(r)
					if err != nil {
						answered <- 0
						return
					}
					_ = resp.Body.Close()
					answered <- resp.StatusCode
				}()
				synctest.Wait()
				start := time.Now()
				stop()
				synctest.Wait()
				if test.want == 200 {
					assert.Equal(t, 503, status(t, rt, "GET", "/x", "", ""), "nothing new begins")
				}
				require.NoError(t, <-served)
				assert.Equal(t, test.stopped, time.Since(start))
				if test.want == 0 {
					giveUp() // nobody answers
				}
				assert.Equal(t, test.want, <-answered)
				giveUp()
				require.NoError(t, rt.Close())
			})
		})
	}
}

// TestSessionLimit: one session too many is closed, and there is room again when
// one has ended.
func TestSessionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pipe.Listen(nil)
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- (&coap.Server{Handler: echo, MaxSessions: 2}).Serve(ctx, l) }()
		var conns []net.Conn
		for range 3 {
			c, err := l.Dial(ctx)
			require.NoError(t, err)
			conns = append(conns, c)
		}
		synctest.Wait()
		closed := func(c net.Conn) bool { return c.(*pipe.Conn).PeerClosed() }
		assert.Equal(t, []bool{false, false, true}, []bool{closed(conns[0]), closed(conns[1]), closed(conns[2])})
		stop()
		require.NoError(t, <-served)
		for _, c := range conns {
			assert.True(t, closed(c))
		}
	})
}

// TestHandlerPanics: 502 for its request, and the session serves on.
func TestHandlerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/panic" {
				panic("a fault")
			}
		}))
		for _, target := range []string{"/panic", "/x", "/panic", "/x"} {
			want := map[string]int{"/panic": 502, "/x": 200}[target]
			resp, _ := p.do(t, "GET", target, "a", "", "")
			assert.Equal(t, want, resp.StatusCode)
		}
	})
}

// TestNoContentWritten: content of a status that has none is dropped, and its
// handler does not wait for ever.
func TestNoContentWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			w.WriteHeader(http.StatusNoContent)
			_, _ = w.Write(make([]byte, 1<<20))
		}))
		resp, body := p.do(t, "GET", "/x", "", "", "")
		assert.Equal(t, 204, resp.StatusCode)
		assert.Empty(t, body)
	})
}

// TestTooLargeBody: more than Server takes is 413.
func TestTooLargeBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &coap.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				panic(http.ErrAbortHandler)
			}
		}), MaxBody: 10_000}
		rt := newPairOf(t, server, &coap.Transport{})
		for _, limit := range []int{10_000, 20_000, 5_000} {
			if limit != 10_000 { // on the session that is open
				server.SetMaxBody(int64(limit))
			}
			assert.Equal(t, 200, status(t, rt, "POST", "/x", "", strings.Repeat("\xff", limit)))
			assert.Equal(t, 413, status(t, rt, "POST", "/x", "", strings.Repeat("\xff", limit+1)))
		}
	})
}

// pattern is n bytes that are made as they are read.
func pattern(n int64) io.Reader { return io.LimitReader(&counter{}, n) }

type counter struct{ n byte }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.n
		c.n += 7
	}
	return len(p), nil
}

// sameContent reports whether two readers hold the same.
func sameContent(a, b io.Reader) bool {
	x, y := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, err := io.ReadFull(a, x)
		m, err2 := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false
		}
		if err != nil || err2 != nil {
			return (err == io.EOF || err == io.ErrUnexpectedEOF) && (err2 == io.EOF || err2 == io.ErrUnexpectedEOF)
		}
	}
}

// TestStreaming sends 10 MB both ways; neither side ever holds more than a small
// part of it, but for what a client keeps of a download to resume it.
func TestStreaming(t *testing.T) {
	const size = 10 << 20
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	small := func(kept uint64) {
		t.Helper()
		assert.Less(t, heap(), before+kept+4<<20)
	}
	l := pipe.Listen(nil)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() {
		served <- (&coap.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				want := pattern(size)
				assert.True(t, sameContent(io.LimitReader(r.Body, size/2), io.LimitReader(want, size/2)))
				small(0)
				assert.True(t, sameContent(r.Body, want))
				return
			}
			w.Header().Set("Content-Type", "video/mp4")
			_, err := io.Copy(w, pattern(size))
			assert.NoError(t, err)
		})}).Serve(ctx, l)
	}()
	rt := &coap.Transport{Dial: l.Dial}
	r, err := http.NewRequest("POST", "http://link/upload", pattern(size))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "video/mp4")
	resp, err := rt.RoundTrip(r)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	require.NoError(t, resp.Body.Close())

	r, err = http.NewRequest("GET", "http://link/download", nil)
	require.NoError(t, err)
	resp, err = rt.RoundTrip(r)
	require.NoError(t, err)
	want := pattern(size)
	require.True(t, sameContent(io.LimitReader(resp.Body, size/2), io.LimitReader(want, size/2)))
	small(size / 2)
	require.True(t, sameContent(resp.Body, want))
	require.NoError(t, resp.Body.Close())
	small(0)
	require.NoError(t, rt.Close())
	stop()
	require.NoError(t, <-served)
}

// TestBackpressure: a homeserver is read no faster than the client reads, and its
// handler ends when the client lets go.
func TestBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written atomic.Int64
		ended := make(chan struct{})
		p := newPair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			w.Header().Set("Content-Type", "video/mp4")
			for r.Context().Err() == nil {
				n, err := w.Write(make([]byte, 4<<10))
				written.Add(int64(n))
				if err != nil {
					return
				}
			}
		}))
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://link/endless", nil)
		require.NoError(t, err)
		resp, err := p.RoundTrip(r)
		require.NoError(t, err)
		time.Sleep(time.Second)
		synctest.Wait()
		// What is on the way, and what waits at either end.
		const held = 1 << 20
		assert.Less(t, written.Load(), int64(held))
		_, err = io.CopyN(io.Discard, resp.Body, 8<<20)
		require.NoError(t, err)
		synctest.Wait()
		assert.InDelta(t, 8<<20, written.Load(), held)
		require.NoError(t, resp.Body.Close())
		<-ended // at the latest when the transfer is given up
	})
}

// TestClientGone: the context of a handler ends with the session.
func TestClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, ended := make(chan struct{}), make(chan struct{})
		l := pipe.Listen(nil)
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() {
			served <- (&coap.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(began)
				<-r.Context().Done()
				close(ended)
			})}).Serve(ctx, l)
		}()
		rt := &coap.Transport{Dial: func(ctx context.Context) (net.Conn, error) {
			client, server := pipe.New(nil)
			return client, l.Offer(ctx, server.EndWithPeer())
		}}
		go func() {
			r, _ := http.NewRequestWithContext(ctx, "POST", "http://link/x", nil)
			_, _ = rt.RoundTrip(r)
		}()
		<-began
		require.NoError(t, rt.Close())
		<-ended
		stop()
		require.NoError(t, <-served)
	})
}
