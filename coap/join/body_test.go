package join

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

const media = "https://hs/_matrix/media/v3/download/hs/id"

// pieces is a body that comes in pieces of that many bytes, one each second. Every
// byte tells where it stands.
type pieces struct {
	ctx      context.Context
	at, size int
	piece    int
	err      error // at the end, nil for io.EOF
	fetched  *int
}

func (p *pieces) Read(b []byte) (int, error) {
	select {
	case <-time.After(time.Second):
	case <-p.ctx.Done():
		return 0, p.ctx.Err()
	}
	if p.at == p.size {
		if p.err != nil {
			return 0, p.err
		}
		return 0, io.EOF
	}
	n := min(len(b), p.piece, p.size-p.at)
	for i := range n {
		b[i] = byteAt(p.at + i)
	}
	p.at += n
	if p.fetched != nil {
		*p.fetched = p.at
	}
	return n, nil
}

func (p *pieces) Close() error { return nil }

func byteAt(at int) byte { return byte(at*7 + at>>8) }

// content is what pieces of that size are together.
func content(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byteAt(i)
	}
	return b
}

// inPieces runs f with answers of that size, which is told if told is set.
func inPieces(t *testing.T, size, piece int, told bool, end error, f func(t *testing.T, tr *Transport, b *base)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &base{answer: func(r *http.Request, _ string) *http.Response {
			resp := &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1}
			if told {
				resp.ContentLength = int64(size)
			}
			resp.Body = &pieces{ctx: r.Context(), size: size, piece: piece, err: end}
			return resp
		}}
		tr := &Transport{Base: b, Profile: link.Default(), MaxKept: 4 << 20}
		f(t, tr, b)
		require.NoError(t, tr.Close())
		tr.assertEmpty(t)
	})
}

// open sends a GET and returns its answer, unread.
func open(t *testing.T, tr *Transport, ctx context.Context) *http.Response {
	t.Helper()
	resp, err := tr.RoundTrip(request(t, ctx, "GET", media, "a", ""))
	require.NoError(t, err)
	return resp
}

// readAll reads an answer to its end and closes it.
func readAll(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// TestStreams: an answer reaches all clients as it comes, and none waits for one that
// does not read.
func TestStreams(t *testing.T) {
	const size = 100_000
	inPieces(t, size, 10_000, false, nil, func(t *testing.T, tr *Transport, b *base) {
		begun := time.Now()
		slow, fast := open(t, tr, t.Context()), open(t, tr, t.Context())
		buf := make([]byte, 10_000)
		_, err := io.ReadFull(fast.Body, buf)
		require.NoError(t, err)
		assert.Less(t, time.Since(begun), 30*time.Second, "the first bytes come first")
		rest, err := readAll(fast)
		require.NoError(t, err)
		assert.Equal(t, content(size), append(buf, rest...))
		got, err := readAll(slow)
		require.NoError(t, err)
		assert.Equal(t, content(size), got)
		assert.Equal(t, 1, b.count())
	})
}

// TestLongAnswer: an answer over the bound streams in bounded memory, at the pace of
// its only client.
func TestLongAnswer(t *testing.T) {
	const size = 3 << 20 // of an answer 1 MiB is held
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprint("length told ", told), func(t *testing.T) {
			inPieces(t, size, 100_000, told, nil, func(t *testing.T, tr *Transport, b *base) {
				resp := open(t, tr, t.Context())
				most := window
				if !told {
					most = tr.MaxKept / 4
				}
				got := make([]byte, 0, size)
				for {
					time.Sleep(time.Hour) // the fetch has stopped by then
					synctest.Wait()
					x := resp.Body.(*reader).x
					assert.LessOrEqual(t, cap(x.body.data), most)
					if cap(got)-len(got) == 0 {
						break
					}
					n, err := resp.Body.Read(got[len(got):min(len(got)+most/2, size)])
					require.NoError(t, err)
					got = got[:len(got)+n]
				}
				_, err := resp.Body.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.EOF)
				require.NoError(t, resp.Body.Close())
				assert.True(t, bytes.Equal(content(size), got))
				// It ended with its client; the next one asks anew.
				require.NoError(t, open(t, tr, t.Context()).Body.Close())
				assert.Equal(t, 2, b.count())
			})
		})
	}
}

// TestLongAnswerShared: one client of a long answer that stops reading does not stop
// another, and loses it.
func TestLongAnswerShared(t *testing.T) {
	const size = 3 << 20
	inPieces(t, size, 50_000, false, nil, func(t *testing.T, tr *Transport, b *base) {
		stopped, near, reads := open(t, tr, t.Context()), open(t, tr, t.Context()), open(t, tr, t.Context())
		got := make(chan []byte, 2)
		for _, resp := range []*http.Response{near, reads} {
			go func() {
				body, err := readAll(resp)
				assert.NoError(t, err)
				got <- body
			}()
		}
		for range 2 {
			assert.True(t, bytes.Equal(content(size), <-got))
		}
		_, err := readAll(stopped)
		assert.ErrorIs(t, err, errLagged)
		assert.Equal(t, 1, b.count())
	})
}

// TestSlowReader: an answer that somebody is still reading after Keep is too old for
// who comes then.
func TestSlowReader(t *testing.T) {
	inPieces(t, 5000, 1000, true, nil, func(t *testing.T, tr *Transport, b *base) {
		resp := open(t, tr, t.Context())
		n, err := resp.Body.Read(nil)
		require.NoError(t, err)
		require.Zero(t, n)
		time.Sleep(Keep(tr.Profile) - time.Minute)
		require.NoError(t, open(t, tr, t.Context()).Body.Close())
		assert.Equal(t, 1, b.count())
		time.Sleep(2 * time.Minute)
		require.NoError(t, open(t, tr, t.Context()).Body.Close())
		assert.Equal(t, 2, b.count())
		got, err := readAll(resp)
		require.NoError(t, err)
		assert.Equal(t, content(5000), got)
	})
}

// TestCloseWhileReading: Close ends answers that wait for their clients, and those for
// which clients wait.
func TestCloseWhileReading(t *testing.T) {
	for _, size := range []int{5000, 3 << 20} {
		inPieces(t, size, 50_000, false, nil, func(t *testing.T, tr *Transport, b *base) {
			resp := open(t, tr, t.Context())
			if size > window {
				time.Sleep(time.Hour) // the fetch has stopped by then
			}
			require.NoError(t, tr.Close())
			_, err := readAll(resp)
			assert.ErrorIs(t, err, context.Canceled)
		})
	}
}

// TestLongAnswerAbandoned: what cannot be kept is not fetched for nobody.
func TestLongAnswerAbandoned(t *testing.T) {
	fetched := 0
	synctest.Test(t, func(t *testing.T) {
		tr := &Transport{MaxKept: 4 << 20, Base: &base{answer: func(r *http.Request, _ string) *http.Response {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1,
				Body: &pieces{ctx: r.Context(), size: 100 << 20, piece: 100_000, fetched: &fetched}}
		}}}
		require.NoError(t, open(t, tr, t.Context()).Body.Close())
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.LessOrEqual(t, fetched, 1<<20)
		tr.assertEmpty(t)
		require.NoError(t, tr.Close())
	})
}

// TestBrokenAnswer: an answer that breaks off is nobody's: all learn of it, and the
// next client asks anew.
func TestBrokenAnswer(t *testing.T) {
	broken := errors.New("broken")
	inPieces(t, 5000, 1000, true, broken, func(t *testing.T, tr *Transport, b *base) {
		one, two := open(t, tr, t.Context()), open(t, tr, t.Context())
		for _, resp := range []*http.Response{one, two} {
			got, err := readAll(resp)
			assert.ErrorIs(t, err, broken)
			assert.Equal(t, content(5000), got)
		}
		require.NoError(t, open(t, tr, t.Context()).Body.Close())
		time.Sleep(time.Minute)
		require.NoError(t, open(t, tr, t.Context()).Body.Close())
		assert.Equal(t, 3, b.count())
	})
}

// TestBrokenConnection: a client whose own connection broke in the middle of an answer,
// or that had gone when it was handed the last byte, finds the whole one.
func TestBrokenConnection(t *testing.T) {
	const size = 5000
	for name, leave := range map[string]func(t *testing.T, resp *http.Response, cancel func()){
		"closed in the middle": func(t *testing.T, resp *http.Response, _ func()) {
			_, err := io.ReadFull(resp.Body, make([]byte, 2000))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		},
		"cancelled in the middle": func(t *testing.T, resp *http.Response, cancel func()) {
			_, err := io.ReadFull(resp.Body, make([]byte, 2000))
			require.NoError(t, err)
			time.AfterFunc(time.Millisecond, cancel)
			_, err = readAll(resp)
			assert.ErrorIs(t, err, context.Canceled)
		},
		"gone before the end": func(t *testing.T, resp *http.Response, cancel func()) {
			_, err := io.ReadFull(resp.Body, make([]byte, 2000))
			require.NoError(t, err)
			time.Sleep(time.Minute)
			cancel()
			_, err = io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, told := range []bool{false, true} {
				inPieces(t, size, 1000, told, nil, func(t *testing.T, tr *Transport, b *base) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					leave(t, open(t, tr, ctx), cancel)
					got, err := readAll(open(t, tr, t.Context()))
					require.NoError(t, err)
					assert.Equal(t, content(size), got)
					assert.Equal(t, 1, b.count())
				})
			}
		})
	}
}

// TestGoneWithTheLastByte: a client that knows the length of an answer, has it and goes before
// this end knows that no more follows has got it: it asks anew. So does one that has seen the
// end of an answer of a length that nobody told.
func TestGoneWithTheLastByte(t *testing.T) {
	const size = 5000
	inPieces(t, size, 1000, true, nil, func(t *testing.T, tr *Transport, b *base) {
		for n := range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			resp := open(t, tr, ctx)
			_, err := io.ReadFull(resp.Body, make([]byte, size))
			require.NoError(t, err)
			cancel()
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, n+1, b.count())
		}
	})
	inPieces(t, size, 1000, false, nil, func(t *testing.T, tr *Transport, b *base) {
		for n := range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			resp := open(t, tr, ctx)
			_, err := io.ReadAll(resp.Body) // which is the only way to know
			require.NoError(t, err)
			cancel()
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, n+1, b.count())
		}
	})
}

// TestMemory: what is held stays under the bound, whatever clients abandon; the oldest
// answers go first.
func TestMemory(t *testing.T) {
	answer := strings.Repeat("x", 10_000)
	b := &base{delay: time.Minute, answer: func(*http.Request, string) *http.Response {
		resp := reply(http.StatusOK, answer)
		resp.Header.Set("X-Long", strings.Repeat("y", 5000))
		return resp
	}}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		tr.MaxKept = 200_000
		const abandoned = 40
		target := func(n int) string { return fmt.Sprint(v3, "sync?", n) }
		for n := range abandoned {
			giveUp(t, tr, "GET", target(n), fmt.Sprint("user", n), "")
			time.Sleep(time.Minute / 2)
			_, held := tr.books()
			assert.LessOrEqual(t, held, tr.MaxKept)
		}
		time.Sleep(time.Minute)
		_, held := tr.books()
		assert.Greater(t, held, tr.MaxKept/2)
		want(t, tr, "GET", target(abandoned-1), fmt.Sprint("user", abandoned-1), "")
		assert.Equal(t, abandoned, b.count(), "the newest is there")
		want(t, tr, "GET", target(0), "user0", "")
		assert.Equal(t, abandoned+1, b.count(), "the oldest is not")
	})
}

// TestStuckBody: a body that gives nothing and no end is not read for ever.
func TestStuckBody(t *testing.T) {
	var b body
	grow := func(int) bool { return true }
	assert.ErrorIs(t, b.fill(t.Context(), stuck{}, -1, grow), io.ErrNoProgress)
	assert.NoError(t, b.fill(t.Context(), iotest.DataErrReader(strings.NewReader("x")), -1, grow))
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }
