package endpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// blocks is a configuration with blocks of n bytes.
func blocks(n int, h Handler) Config {
	p := testProfile()
	p.BlockSize = n
	return Config{Profile: p, Handler: h}
}

func serveBody(n int) HandlerFunc {
	return func(context.Context, *Request) *Response {
		// Not seekable: only what comes next can be read.
		return &Response{Code: Content, Body: io.MultiReader(bytes.NewReader(testBody(n))), Size: -1}
	}
}

// takeBody answers 2.04 with the length of the body if it is the test body.
func takeBody(_ context.Context, r *Request) *Response {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return &Response{Code: BadRequest}
	}
	if !bytes.Equal(body, testBody(len(body))) {
		return &Response{Code: Conflict}
	}
	return &Response{Code: Changed, Body: strings.NewReader("taken"), Size: 5}
}

func put(path string, n int) *Request {
	r := get(path)
	r.Code, r.Body, r.Size = PUT, bytes.NewReader(testBody(n)), -1
	return r
}

// TestEveryBlockIsRetransmitted: go-coap sends blocks after the first only once,
// and one lost packet hangs the transfer.
func TestEveryBlockIsRetransmitted(t *testing.T) {
	got := ask(t, blocks(64, nil), put("x", 100), `
		< CON PUT #a t=$t /x Block1=0/1/64 [0:64]
		< CON PUT #a t=$t /x Block1=0/1/64 [0:64]                      @2s..2s
		> ACK 2.31 #a t=$t Block1=0/1/64
		< CON PUT #b t=$t /x Block2=0/0/64 Block1=1/0/64 [64:100]
		< CON PUT #b t=$t /x Block2=0/0/64 Block1=1/0/64 [64:100]      @2s..2s
		< CON PUT #b t=$t /x Block2=0/0/64 Block1=1/0/64 [64:100]      @4s..4s
		> ACK 2.04 #b t=$t Block1=1/0/64 Block2=0/1/64 [0:64]
		< CON PUT #c t=$t /x Block2=1/0/64
		< CON PUT #c t=$t /x Block2=1/0/64                             @2s..2s
		> ACK 2.04 #c t=$t Block2=1/0/64 [64:80]
	`)
	require.Equal(t, outcome{Changed, string(testBody(80)), nil}, got)
}

// TestPeerKnownGoesByToken: between endpoints of this package two transfers with
// the same options stay apart.
func TestPeerKnownGoesByToken(t *testing.T) {
	n := 0
	h := HandlerFunc(func(context.Context, *Request) *Response {
		n++
		return &Response{Code: Content, Body: bytes.NewReader(bytes.Repeat([]byte{'0' + byte(n)}, 20)), Size: -1}
	})
	climb(t, blocks(16, h), func(l *ladder) {
		l.conn.SetPeer(testProfile())
		l.run(`
			> CON FETCH #0001 t=01
			< ACK 2.05 #0001 t=01 QBlock2=0/1/16 "1111111111111111"
			< NON 2.05 #b1 t=01 QBlock2=1/0/16 "1111"
			> CON FETCH #0002 t=02
			< ACK 2.05 #0002 t=02 QBlock2=0/1/16 "2222222222222222"
			< NON 2.05 #b2 t=02 QBlock2=1/0/16 "2222"
			> CON FETCH #0003 t=01 QBlock2=1/0/16 QBlock2=2/1/16
			< ACK 2.05 #0003 t=01 QBlock2=1/0/16 "1111"
			> NON FETCH #0004 t=02 QBlock2=2/1/16
			~ 1ms
			> CON FETCH #0005 t=03 QBlock2=1/1/16
			< ACK 4.08 #0005 t=03
		`)
	})
}

// TestTooLargeBodies: go-coap has no limit.
func TestTooLargeBodies(t *testing.T) {
	errs := make(chan error, 1)
	h := HandlerFunc(func(_ context.Context, r *Request) *Response {
		_, err := io.ReadAll(r.Body)
		errs <- err
		return &Response{Code: Changed}
	})
	cfg := blocks(64, h)
	cfg.MaxBody = 100
	t.Run("announced", func(t *testing.T) {
		play(t, cfg, `
			> CON PUT #0001 t=01 /x Block1=0/1/64 Size1=101 [0:64]
			< ACK 4.13 #0001 t=01 Block1=0/0/64 Size1=100
		`)
	})
	t.Run("found out", func(t *testing.T) {
		climb(t, cfg, func(l *ladder) {
			l.run(`
				> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
				< ACK 2.31 #0001 t=01 Block1=0/1/64
				> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
				< ACK 4.13 #0002 t=01 Block1=1/0/64 Size1=100
				> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
				< ACK 4.13 #0002 t=01 Block1=1/0/64 Size1=100
			`)
			var broken *BlockError
			require.ErrorAs(t, <-errs, &broken)
		})
	})
	t.Run("download", func(t *testing.T) {
		climb(t, cfg, func(l *ladder) {
			result := l.do(l.t.Context(), get("x"))
			l.run(`
				< CON GET #a t=$t /x Block2=0/0/64
				> ACK 2.05 #a t=$t Block2=0/1/64 [0:64]
				< CON GET #b t=$t /x Block2=1/0/64
				> ACK 2.05 #b t=$t Block2=1/1/64 [64:128]
			`)
			var broken *BlockError
			require.ErrorAs(t, (<-result).err, &broken)
		})
	})
}

// TestIdleTransfersExpire: state of transfers goes when the peer falls silent.
func TestIdleTransfersExpire(t *testing.T) {
	errs := make(chan error, 1)
	closed := make(chan struct{})
	h := HandlerFunc(func(_ context.Context, r *Request) *Response {
		if r.Code == GET {
			return &Response{Code: Content, Body: &closer{bytes.NewReader(testBody(300)), closed}, Size: -1}
		}
		_, err := io.ReadAll(r.Body)
		errs <- err
		return &Response{Code: Changed}
	})
	climb(t, blocks(64, h), func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON GET #0002 t=02 /x
			< ACK 2.05 #0002 t=02 Block2=0/1/64 [0:64]
			~ 94s
		`)
		<-closed
		var broken *BlockError
		require.ErrorAs(t, <-errs, &broken)
		l.run(`
			> CON PUT #0003 t=01 /x Block1=1/1/64 [64:128]
			< ACK 4.08 #0003 t=01 Block1=1/0/64
			> CON GET #0004 t=02 /x Block2=1/0/64
			< ACK 4.08 #0004 t=02
			~ 250s
		`)
		l.conn.mu.Lock()
		defer l.conn.mu.Unlock()
		require.Nil(t, l.conn.seen.marks, "an idle session remembers nothing")
	})
}

// TestCloseClosesBodies: of the transfers in progress.
func TestCloseClosesBodies(t *testing.T) {
	closed := make(chan struct{})
	h := HandlerFunc(func(context.Context, *Request) *Response {
		return &Response{Code: Content, Body: &closer{bytes.NewReader(testBody(300)), closed}, Size: -1}
	})
	climb(t, blocks(64, h), func(l *ladder) {
		l.run(`
			> CON GET #0001 t=01 /x
			< ACK 2.05 #0001 t=01 Block2=0/1/64 [0:64]
		`)
		require.NoError(t, l.conn.Close())
		l.conn.Wait()
		<-closed
	})
}

type closer struct {
	io.Reader
	closed chan struct{}
}

func (c *closer) Close() error { close(c.closed); return nil }

// TestBlocksFitTheMTU: options, token and overhead count.
func TestBlocksFitTheMTU(t *testing.T) {
	for _, mtu := range []int{110, 150, 300, 600, 1200} {
		cfg := Config{Profile: testProfile(), Overhead: 37}
		cfg.Profile.MTU = mtu
		climb(t, cfg, func(l *ladder) {
			r := put(strings.Repeat("p", 20), 2000)
			r.Size = 2000
			result := l.do(l.t.Context(), r)
			data, ok := l.peer.next(time.Second)
			require.True(t, ok)
			require.LessOrEqual(t, len(data)+37, mtu)
			require.Greater(t, len(data)*2+60, min(mtu-37, 1024), "no smaller than need be")
			l.conn.Close()
			require.ErrorIs(t, (<-result).err, ErrClosed)
		})
	}
	cfg := Config{Profile: testProfile(), Overhead: 37}
	cfg.Profile.MTU = 100
	climb(t, cfg, func(l *ladder) {
		require.ErrorIs(t, (<-l.do(l.t.Context(), get(strings.Repeat("p", 80)))).err, ErrTooLarge)
		require.ErrorIs(t, (<-l.do(l.t.Context(), put(strings.Repeat("p", 30), 10))).err, ErrTooLarge)
	})
}

// TestBlocksFitTheDirection: where datagrams may be larger one way, who sends that
// way makes use of it.
func TestBlocksFitTheDirection(t *testing.T) {
	p := testProfile()
	p.MTU, p.MTUUp, p.MTUDown = 110, 310, 210
	for _, c := range []struct {
		side           Side
		sent, received int
	}{{SideUnknown, 64, 64}, {SideConstrained, 256, 128}, {SideFar, 128, 256}} {
		climb(t, Config{Profile: p, Side: c.side}, func(l *ladder) {
			l.do(l.t.Context(), putBytes("x", 1000))
			l.run(fmt.Sprintf(`< CON PUT #a t=$a /x Block1=0/1/%d Size1=1000 [0:%d]`, c.sent, c.sent))
			l.do(l.t.Context(), get("y"))
			l.run(fmt.Sprintf(`< CON GET #b t=$b /y Block2=0/0/%d`, c.received))
		})
	}
}

// TestBodyThatFails: neither side takes a truncated body for a whole one.
func TestBodyThatFails(t *testing.T) {
	for _, failure := range []error{errors.New("disk on fire"), io.ErrUnexpectedEOF} {
		t.Run(failure.Error(), func(t *testing.T) { testBodyThatFails(t, failure) })
	}
}

func testBodyThatFails(t *testing.T, failure error) {
	failing := func() io.Reader { return io.MultiReader(bytes.NewReader(testBody(100)), failingReader{failure}) }
	t.Run("client", func(t *testing.T) {
		climb(t, blocks(64, nil), func(l *ladder) {
			r := put("x", 0)
			r.Body = failing()
			result := l.do(l.t.Context(), r)
			l.run(`
				< CON PUT #a t=$t /x Block1=0/1/64 [0:64]
				> ACK 2.31 #a t=$t Block1=0/1/64
				~ 100s
			`)
			require.ErrorIs(t, (<-result).err, failure)
		})
	})
	t.Run("server", func(t *testing.T) {
		h := HandlerFunc(func(context.Context, *Request) *Response {
			return &Response{Code: Content, Body: failing(), Size: -1}
		})
		play(t, blocks(64, h), `
			> CON GET #0001 t=01 /x
			< ACK 2.05 #0001 t=01 Block2=0/1/64 [0:64]
			> CON GET #0002 t=01 /x Block2=1/0/64
			< ACK 5.00 #0002 t=01
		`)
	})
	t.Run("server, at once", func(t *testing.T) {
		climb(t, blocks(128, HandlerFunc(func(context.Context, *Request) *Response {
			return &Response{Code: Content, Body: failing(), Size: -1}
		})), func(l *ladder) {
			l.run(`
				> CON GET #0001 t=01 /x
				< ACK 5.00 #0001 t=01
			`)
		})
	})
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// TestSlowBodyOfDownload: a block that takes long is acknowledged on its own.
func TestSlowBodyOfDownload(t *testing.T) {
	h := HandlerFunc(func(context.Context, *Request) *Response {
		return &Response{Code: Content, Body: io.MultiReader(bytes.NewReader(testBody(100)), waitingReader{}, bytes.NewReader([]byte("!"))), Size: -1}
	})
	climb(t, blocks(64, h), func(l *ladder) {
		l.run(`
			> CON GET #0001 t=01 /x
			< ACK 2.05 #0001 t=01 Block2=0/1/64 [0:64]
			> CON GET #0002 t=01 /x Block2=1/0/64
			< ACK EMPTY #0002                               @1s..1s
		`)
		data, ok := l.peer.next(time.Minute)
		require.True(t, ok)
		m, err := ParseMessage(data)
		require.NoError(t, err)
		require.Equal(t, Confirmable, m.Type)
		require.Equal(t, append(testBody(100)[64:], '!'), m.Payload)
	})
}

type waitingReader struct{}

func (waitingReader) Read([]byte) (int, error) { time.Sleep(20 * time.Second); return 0, io.EOF }
