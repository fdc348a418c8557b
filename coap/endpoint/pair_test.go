package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// lossy is a connection that loses, repeats and delays what is written to it.
type lossy struct {
	*datagrams
	mu             sync.Mutex
	rng            *rand.Rand
	loss, repeat   float64
	delay, reorder time.Duration
}

func (l *lossy) Write(p []byte) (int, error) {
	l.mu.Lock()
	lost, twice := l.rng.Float64() < l.loss, l.rng.Float64() < l.repeat
	delay := l.delay
	if l.reorder > 0 {
		delay += time.Duration(l.rng.Int64N(int64(l.reorder)))
	}
	l.mu.Unlock()
	if lost {
		return len(p), nil
	}
	data := bytes.Clone(p)
	deliver := func() { l.datagrams.Write(data) }
	if delay == 0 {
		deliver()
	} else {
		time.AfterFunc(delay, deliver)
	}
	if twice {
		time.AfterFunc(delay+10*time.Millisecond, deliver)
	}
	return len(p), nil
}

// together runs f with two sessions that talk to each other in virtual time.
func together(t *testing.T, client, server Config, wrap func(*datagrams) net.Conn, f func(t *testing.T, client, server *Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := datagramPipe()
		ca, cb := New(wrap(a), client), New(wrap(b), server)
		defer ca.Wait()
		defer cb.Wait()
		defer ca.Close()
		defer cb.Close()
		f(t, ca, cb)
	})
}

func perfect(d *datagrams) net.Conn { return d }

func twenty(seed uint64) func(d *datagrams) net.Conn {
	n := uint64(0)
	return func(d *datagrams) net.Conn {
		n++
		return &lossy{datagrams: d, rng: rand.New(rand.NewPCG(seed, n)), loss: 0.2, repeat: 0.1,
			delay: 300 * time.Millisecond, reorder: 50 * time.Millisecond}
	}
}

// mirror answers with the method, the path and the body of the request.
func mirror(_ context.Context, r *Request) *Response {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return &Response{Code: BadRequest}
	}
	var path []byte
	for _, s := range r.Options.GetAll(URIPath) {
		path = append(append(path, '/'), s...)
	}
	return &Response{Code: Content, Body: bytes.NewReader(append(append(path, ' '), body...)), Size: -1}
}

// TestThousandInterleavedRequests: two users of one session, at full speed.
func TestThousandInterleavedRequests(t *testing.T) {
	cfg := Config{Profile: testProfile(), Handler: HandlerFunc(mirror)}
	together(t, cfg, cfg, perfect, func(t *testing.T, client, server *Conn) {
		var users sync.WaitGroup
		for user := range 2 {
			users.Go(func() {
				for i := range 500 {
					r := get(fmt.Sprintf("user%d/%d", user, i))
					r.Code, r.Body = POST, bytes.NewReader(fmt.Appendf(nil, "%d", i))
					resp, err := client.Do(t.Context(), r)
					require.NoError(t, err)
					body, err := io.ReadAll(resp.Body)
					require.NoError(t, err)
					require.Equal(t, fmt.Sprintf("/user%d/%d %d", user, i, i), string(body))
				}
			})
		}
		users.Wait()
		require.Less(t, server.seen.bytes, 256*64, "replies to requests whose token was used again are dropped")
	})
}

// TestTenMegabytesEachWay: bodies are exact and never held as a whole.
func TestTenMegabytesEachWay(t *testing.T) {
	const size = 10 << 20
	body := testBody(size)
	h := HandlerFunc(func(_ context.Context, r *Request) *Response {
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, body) {
			return &Response{Code: BadRequest}
		}
		return &Response{Code: Content, Body: io.MultiReader(bytes.NewReader(body)), Size: size}
	})
	cfg := Config{Profile: testProfile(), Handler: h}
	together(t, cfg, cfg, perfect, func(t *testing.T, client, server *Conn) {
		resp, err := client.Do(t.Context(), &Request{Code: POST, Body: io.MultiReader(bytes.NewReader(body)), Size: size})
		require.NoError(t, err)
		require.Equal(t, Content, resp.Code)
		require.EqualValues(t, size, resp.Size)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, got))
		require.Less(t, server.seen.bytes+len(server.seen.marks), 1<<16)
	})
}

// TestTwentyPercentLoss: with loss, duplication and reordering every request is
// executed once and every body arrives exactly.
func TestTwentyPercentLoss(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			executed := map[string]int{}
			var mu sync.Mutex
			h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
				resp := mirror(ctx, r)
				mu.Lock()
				defer mu.Unlock()
				if resp.Code == Content {
					path, _ := r.Options.Get(URIPath)
					executed[string(path)]++
				}
				return resp
			})
			cfg := Config{Profile: testProfile(), Handler: h}
			cfg.Profile.MaxRetransmit = 14
			cfg.Profile.AckTimeout = time.Second
			together(t, cfg, cfg, twenty(seed), func(t *testing.T, client, _ *Conn) {
				var all sync.WaitGroup
				for i := range 20 {
					all.Go(func() {
						path, body := fmt.Sprint(i), testBody(1+i*977)
						r := get(path)
						r.Code, r.Body, r.Size = POST, bytes.NewReader(body), int64(len(body))
						resp, err := client.Do(t.Context(), r)
						require.NoError(t, err)
						require.Equal(t, Content, resp.Code)
						got, err := io.ReadAll(resp.Body)
						require.NoError(t, err)
						require.Equal(t, append([]byte("/"+path+" "), body...), got)
					})
				}
				all.Wait()
				for path, n := range executed {
					require.Equal(t, 1, n, path)
				}
			})
		})
	}
}
