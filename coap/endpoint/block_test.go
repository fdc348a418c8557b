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

// TestRFC7959Section3 plays the figures of RFC 7959 §3 in both roles. Payloads of
// unnamed size have as many bytes as make the figure.
func TestRFC7959Section3(t *testing.T) {
	body300 := string(testBody(300))

	t.Run("figure 2 server: simple GET", func(t *testing.T) {
		climb(t, blocks(128, serveBody(300)), func(l *ladder) {
			l.run(`
				> CON GET #1234 t=01 /status
				< ACK 2.05 #1234 t=01 Block2=0/1/128 [0:128]
				> CON GET #1235 t=01 /status Block2=1/0/128
				< ACK 2.05 #1235 t=01 Block2=1/1/128 [128:256]
				> CON GET #1236 t=01 /status Block2=2/0/128
				< ACK 2.05 #1236 t=01 Block2=2/0/128 [256:300]
			`)
		})
	})
	t.Run("figure 2 client: simple GET", func(t *testing.T) {
		climb(t, blocks(1024, nil), func(l *ladder) {
			result := l.do(l.t.Context(), get("status"))
			l.run(`
				< CON GET #a t=$t /status
				> ACK 2.05 #a t=$t Block2=0/1/128 [0:128]
				< CON GET #b t=$t /status Block2=1/0/128
				> ACK 2.05 #b t=$t Block2=1/1/128 [128:256]
				< CON GET #c t=$t /status Block2=2/0/128
				> ACK 2.05 #c t=$t Block2=2/0/128 [256:300]
				~ 100s
			`)
			require.Equal(t, outcome{Content, body300, nil}, <-result)
		})
	})
	t.Run("figure 3 server: early negotiation", func(t *testing.T) {
		climb(t, blocks(128, serveBody(300)), func(l *ladder) {
			l.run(`
				> CON GET #1234 t=01 /status Block2=0/0/64
				< ACK 2.05 #1234 t=01 Block2=0/1/64 [0:64]
				> CON GET #1235 t=01 /status Block2=1/0/64
				< ACK 2.05 #1235 t=01 Block2=1/1/64 [64:128]
				> CON GET #1236 t=01 /status Block2=2/0/64
				< ACK 2.05 #1236 t=01 Block2=2/1/64 [128:192]
				> CON GET #1237 t=01 /status Block2=3/0/64
				< ACK 2.05 #1237 t=01 Block2=3/1/64 [192:256]
				> CON GET #1238 t=01 /status Block2=4/0/64
				< ACK 2.05 #1238 t=01 Block2=4/0/64 [256:300]
			`)
		})
	})
	t.Run("figure 3 client: early negotiation", func(t *testing.T) {
		climb(t, blocks(64, nil), func(l *ladder) {
			result := l.do(l.t.Context(), get("status"))
			l.run(`
				< CON GET #a t=$t /status Block2=0/0/64
				> ACK 2.05 #a t=$t Block2=0/1/64 [0:64]
				< CON GET #b t=$t /status Block2=1/0/64
				> ACK 2.05 #b t=$t Block2=1/0/64 [64:100]
			`)
			require.Equal(t, outcome{Content, string(testBody(100)), nil}, <-result)
		})
	})
	t.Run("figure 4 server: late negotiation", func(t *testing.T) {
		climb(t, blocks(128, serveBody(300)), func(l *ladder) {
			l.run(`
				> CON GET #1234 t=01 /status
				< ACK 2.05 #1234 t=01 Block2=0/1/128 [0:128]
				> CON GET #1235 t=01 /status Block2=2/0/64
				< ACK 2.05 #1235 t=01 Block2=2/1/64 [128:192]
				> CON GET #1236 t=01 /status Block2=3/0/64
				< ACK 2.05 #1236 t=01 Block2=3/1/64 [192:256]
				> CON GET #1237 t=01 /status Block2=4/0/64
				< ACK 2.05 #1237 t=01 Block2=4/0/64 [256:300]
			`)
		})
	})
	t.Run("figure 6 server: late negotiation, lost acknowledgement", func(t *testing.T) {
		climb(t, blocks(128, serveBody(256)), func(l *ladder) {
			l.run(`
				> CON GET #1234 t=01 /status
				< ACK 2.05 #1234 t=01 Block2=0/1/128 [0:128]
				> CON GET #1235 t=01 /status Block2=2/0/64
				< ACK 2.05 #1235 t=01 Block2=2/1/64 [128:192]
				> CON GET #1235 t=01 /status Block2=2/0/64
				< ACK 2.05 #1235 t=01 Block2=2/1/64 [128:192]
				> CON GET #1236 t=01 /status Block2=3/0/64
				< ACK 2.05 #1236 t=01 Block2=3/0/64 [192:256]
				> CON GET #1236 t=01 /status Block2=3/0/64
				< ACK 2.05 #1236 t=01 Block2=3/0/64 [192:256]
			`)
		})
	})
	t.Run("figure 7 server: simple atomic PUT", func(t *testing.T) {
		climb(t, blocks(128, HandlerFunc(takeBody)), func(l *ladder) {
			l.run(`
				> CON PUT #1234 t=01 /options Block1=0/1/128 [0:128]
				< ACK 2.31 #1234 t=01 Block1=0/1/128
				> CON PUT #1235 t=01 /options Block1=1/1/128 [128:256]
				< ACK 2.31 #1235 t=01 Block1=1/1/128
				> CON PUT #1236 t=01 /options Block1=2/0/128 [256:300]
				< ACK 2.04 #1236 t=01 Block1=2/0/128 "taken"
			`)
		})
	})
	t.Run("figure 7 client: simple atomic PUT", func(t *testing.T) {
		climb(t, blocks(128, nil), func(l *ladder) {
			result := l.do(l.t.Context(), put("options", 300))
			l.run(`
				< CON PUT #a t=$t /options Block1=0/1/128 [0:128]
				> ACK 2.31 #a t=$t Block1=0/1/128
				< CON PUT #b t=$t /options Block1=1/1/128 [128:256]
				> ACK 2.31 #b t=$t Block1=1/1/128
				< CON PUT #c t=$t /options Block2=0/0/128 Block1=2/0/128 [256:300]
				> ACK 2.04 #c t=$t Block1=2/0/128
			`)
			require.Equal(t, outcome{Changed, "", nil}, <-result)
		})
	})
	t.Run("figure 9 server: negotiated PUT", func(t *testing.T) {
		climb(t, blocks(32, HandlerFunc(takeBody)), func(l *ladder) {
			l.run(`
				> CON PUT #1234 t=01 /options Block1=0/1/128 [0:128]
				< ACK 2.31 #1234 t=01 Block1=0/1/32
				> CON PUT #1235 t=01 /options Block1=4/1/32 [128:160]
				< ACK 2.31 #1235 t=01 Block1=4/1/32
				> CON PUT #1236 t=01 /options Block1=5/0/32 [160:180]
				< ACK 2.04 #1236 t=01 Block1=5/0/32 "taken"
			`)
		})
	})
	t.Run("figure 9 client: negotiated PUT", func(t *testing.T) {
		climb(t, blocks(128, nil), func(l *ladder) {
			result := l.do(l.t.Context(), put("options", 180))
			l.run(`
				< CON PUT #a t=$t /options Block1=0/1/128 [0:128]
				> ACK 2.31 #a t=$t Block1=0/1/32
				< CON PUT #b t=$t /options Block1=4/1/32 [128:160]
				> ACK 2.31 #b t=$t Block1=4/1/32
				< CON PUT #c t=$t /options Block2=0/0/128 Block1=5/0/32 [160:180]
				> ACK 2.04 #c t=$t Block1=5/0/32
			`)
			require.Equal(t, outcome{Changed, "", nil}, <-result)
		})
	})
	t.Run("figure 10 server: POST with block-wise response", func(t *testing.T) {
		h := HandlerFunc(func(_ context.Context, r *Request) *Response {
			body, _ := io.ReadAll(r.Body)
			return &Response{Code: Changed, Body: bytes.NewReader(body), Size: int64(len(body))}
		})
		climb(t, blocks(128, h), func(l *ladder) {
			l.run(`
				> CON POST #1234 t=01 /soap Block1=0/1/128 [0:128]
				< ACK 2.31 #1234 t=01 Block1=0/1/128
				> CON POST #1235 t=01 /soap Block1=1/0/128 [128:200]
				< ACK 2.04 #1235 t=01 Block2=0/1/128 Block1=1/0/128 Size2=200 [0:128]
				> CON POST #1236 t=01 /soap Block2=1/0/128
				< ACK 2.04 #1236 t=01 Block2=1/0/128 [128:200]
			`)
		})
	})
	t.Run("figure 10 client: POST with block-wise response", func(t *testing.T) {
		climb(t, blocks(1024, nil), func(l *ladder) {
			r := put("soap", 1100)
			r.Code = POST
			result := l.do(l.t.Context(), r)
			l.run(`
				< CON POST #a t=$t /soap Block1=0/1/1024 [0:1024]
				> ACK 2.31 #a t=$t Block1=0/1/1024
				< CON POST #b t=$t /soap Block1=1/0/1024 [1024:1100]
				> ACK 2.04 #b t=$t Block1=1/0/1024 Block2=0/1/256 [0:256]
				< CON POST #c t=$t /soap Block2=1/0/256
				> ACK 2.04 #c t=$t Block2=1/0/256 [256:300]
			`)
			require.Equal(t, outcome{Changed, body300, nil}, <-result)
		})
	})
}

// TestEveryBlockIsRetransmitted: go-coap sends blocks after the first only once,
// and one lost packet hangs the transfer.
func TestEveryBlockIsRetransmitted(t *testing.T) {
	climb(t, blocks(64, nil), func(l *ladder) {
		result := l.do(l.t.Context(), put("x", 100))
		l.run(`
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
		require.Equal(t, outcome{Changed, string(testBody(80)), nil}, <-result)
	})
}

// TestRepeatedBlocksOfUpload: a block whose acknowledgement was lost is
// acknowledged again and taken once, whatever its message ID.
func TestRepeatedBlocksOfUpload(t *testing.T) {
	climb(t, blocks(64, HandlerFunc(takeBody)), func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
			< ACK 2.31 #0002 t=01 Block1=1/1/64
			> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
			< ACK 2.31 #0002 t=01 Block1=1/1/64
			> CON PUT #0003 t=01 /x Block1=1/1/64 [64:128]
			< ACK 2.31 #0003 t=01 Block1=1/1/64
			> CON PUT #0004 t=01 /x Block1=2/0/64 [128:130]
			< ACK 2.04 #0004 t=01 Block1=2/0/64 "taken"
			> CON PUT #0004 t=01 /x Block1=2/0/64 [128:130]
			< ACK 2.04 #0004 t=01 Block1=2/0/64 "taken"
		`)
	})
}

// TestUploadWithChangingTokens: libcoap uses another token for each block; with
// go-coap such uploads arrive truncated and are answered 2.04.
func TestUploadWithChangingTokens(t *testing.T) {
	climb(t, blocks(64, HandlerFunc(takeBody)), func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=0/1/64 Size1=130 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON PUT #0002 t=02 /x Block1=1/1/64 Size1=130 [64:128]
			< ACK 2.31 #0002 t=02 Block1=1/1/64
			> CON PUT #0003 t=03 /x Block1=2/0/64 Size1=130 [128:130]
			< ACK 2.04 #0003 t=03 Block1=2/0/64 "taken"
		`)
	})
}

func TestDownloadWithChangingTokens(t *testing.T) {
	climb(t, blocks(64, serveBody(100)), func(l *ladder) {
		l.run(`
			> CON GET #0001 t=01 /x
			< ACK 2.05 #0001 t=01 Block2=0/1/64 [0:64]
			> CON GET #0002 t=02 /x Block2=1/0/64
			< ACK 2.05 #0002 t=02 Block2=1/0/64 [64:100]
		`)
	})
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

func TestUploadOutOfOrder(t *testing.T) {
	tests := []struct{ name, ladder string }{
		{"no first block", `
			> CON PUT #0001 t=01 /x Block1=1/1/64 [64:128]
			< ACK 4.08 #0001 t=01 Block1=1/0/64`},
		{"no first block, last", `
			> CON PUT #0001 t=01 /x Block1=1/0/64 [64:100]
			< ACK 4.08 #0001 t=01 Block1=1/0/64`},
		{"a block left out", `
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON PUT #0002 t=01 /x Block1=2/1/64 [128:192]
			< ACK 4.08 #0002 t=01 Block1=2/0/64`},
		{"overlapping", `
			> CON PUT #0001 t=01 /x Block1=0/1/16 [0:16]
			< ACK 2.31 #0001 t=01 Block1=0/1/16
			> CON PUT #0002 t=01 /x Block1=1/1/16 [16:32]
			< ACK 2.31 #0002 t=01 Block1=1/1/16
			> CON PUT #0003 t=01 /x Block1=1/1/16 [16:32]
			< ACK 2.31 #0003 t=01 Block1=1/1/16
			> CON PUT #0004 t=01 /x Block1=0/0/64 [0:40]
			< ACK 2.04 #0004 t=01 Block1=0/0/64 "taken"`},
		{"overlapping the end", `
			> CON PUT #0001 t=01 /x Block1=0/1/32 [0:32]
			< ACK 2.31 #0001 t=01 Block1=0/1/32
			> CON PUT #0002 t=01 /x Block1=2/1/16 [32:48]
			< ACK 2.31 #0002 t=01 Block1=2/1/16
			> CON PUT #0003 t=01 /x Block1=1/1/32 [32:64]
			< ACK 4.08 #0003 t=01 Block1=1/0/32`},
		{"payload shorter than the block", `
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:63]
			< ACK 4.00 #0001 t=01 Block1=0/0/64`},
		{"reserved size", `
			> CON PUT #0001 t=01 /x O27=0f [0:64]
			< ACK 4.00 #0001 t=01 Block1=0/0/2048`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			climb(t, blocks(64, HandlerFunc(takeBody)), func(l *ladder) { l.run(tt.ladder) })
		})
	}
}

// TestSecondUploadReplaces: a client that starts over gets the new body accepted,
// and the handler of the old one an error.
func TestSecondUploadReplaces(t *testing.T) {
	errs := make(chan error, 2)
	h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
		_, err := io.ReadAll(r.Body)
		errs <- err
		return &Response{Code: Changed}
	})
	climb(t, blocks(64, h), func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON PUT #0002 t=02 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0002 t=02 Block1=0/1/64
			> CON PUT #0003 t=02 /x Block1=1/0/64 [64:70]
			< ACK 2.04 #0003 t=02 Block1=1/0/64
		`)
		var broken *BlockError
		require.ErrorAs(t, <-errs, &broken)
		require.EqualValues(t, 64, broken.Offset)
		require.NoError(t, <-errs)
	})
}

// TestUploadsApartByRequestTag: RFC 9175 §3.
func TestUploadsApartByRequestTag(t *testing.T) {
	climb(t, blocks(16, HandlerFunc(takeBody)), func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=0/1/16 RequestTag=01 [0:16]
			< ACK 2.31 #0001 t=01 Block1=0/1/16
			> CON PUT #0002 t=02 /x Block1=0/1/16 [0:16]
			< ACK 2.31 #0002 t=02 Block1=0/1/16
			> CON PUT #0003 t=03 /x Block1=1/0/16 RequestTag=01 [16:18]
			< ACK 2.04 #0003 t=03 Block1=1/0/16 "taken"
			> CON PUT #0004 t=04 /x Block1=1/0/16 [16:20]
			< ACK 2.04 #0004 t=04 Block1=1/0/16 "taken"
		`)
	})
}

// TestConcurrentUploadsAreTagged: our client marks the second upload with the
// same options.
func TestConcurrentUploadsAreTagged(t *testing.T) {
	climb(t, blocks(1024, nil), func(l *ladder) {
		first := l.do(l.t.Context(), put("x", 1025))
		l.run(`< CON PUT #a t=$a /x Block1=0/1/1024 [0:1024]`)
		second := l.do(l.t.Context(), put("x", 1025))
		l.run(`
			< CON PUT #b t=$b /x Block1=0/1/1024 RequestTag=01 [0:1024]
			> ACK 2.31 #a t=$a Block1=0/1/1024
			< CON PUT #c t=$a /x Block1=1/0/1024 [1024:1025]
			> ACK 2.31 #b t=$b Block1=0/1/1024
			< CON PUT #d t=$b /x Block1=1/0/1024 RequestTag=01 [1024:1025]
			> ACK 2.04 #c t=$a Block1=1/0/1024
			> ACK 2.04 #d t=$b Block1=1/0/1024
		`)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-second).err)
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
		climb(t, cfg, func(l *ladder) {
			l.run(`
				> CON PUT #0001 t=01 /x Block1=0/1/64 Size1=101 [0:64]
				< ACK 4.13 #0001 t=01 Block1=0/0/64 Size1=100
			`)
		})
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

// TestSmallerFirstBlockAfter413: RFC 7959 §2.9.3, with the block size hint.
func TestSmallerFirstBlockAfter413(t *testing.T) {
	climb(t, blocks(1024, nil), func(l *ladder) {
		result := l.do(l.t.Context(), put("x", 1030))
		l.run(`
			< CON PUT #a t=$t /x Block1=0/1/1024 [0:1024]
			> ACK 4.13 #a t=$t Block1=0/1/512
			< CON PUT #b t=$t /x Block1=0/1/512 [0:512]
			> ACK 2.31 #b t=$t Block1=0/1/512
			< CON PUT #c t=$t /x Block1=1/1/512 [512:1024]
			> ACK 2.31 #c t=$t Block1=1/1/512
			< CON PUT #d t=$t /x Block1=2/0/512 [1024:1030]
			> ACK 2.04 #d t=$t Block1=2/0/512
		`)
		require.Equal(t, outcome{Changed, "", nil}, <-result)
	})
}

// TestEarlyAnswerToUpload: a handler that refuses without reading the body.
func TestEarlyAnswerToUpload(t *testing.T) {
	climb(t, blocks(64, answer(Unauthorized, "no")), func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
			< ACK 4.01 #0002 t=01 Block1=1/0/64 "no"
			> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
			< ACK 4.01 #0002 t=01 Block1=1/0/64 "no"
		`)
	})
	t.Run("client stops", func(t *testing.T) {
		climb(t, blocks(64, nil), func(l *ladder) {
			result := l.do(l.t.Context(), put("x", 1000))
			l.run(`
				< CON PUT #a t=$t /x Block1=0/1/64 [0:64]
				> ACK 4.01 #a t=$t Block1=0/0/64 "no"
				~ 100s
			`)
			require.Equal(t, outcome{Unauthorized, "no", nil}, <-result)
		})
	})
}

// TestSlowReaderHoldsUpload: blocks are acknowledged when there is room for them,
// on their own after the delay of an empty acknowledgement.
func TestSlowReaderHoldsUpload(t *testing.T) {
	h := slowly(32*time.Second, takeBody)
	climb(t, blocks(1024, h), func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=0/1/1024 [0:1024]
			< ACK 2.31 #0001 t=01 Block1=0/1/1024
			> CON PUT #0002 t=01 /x Block1=1/1/1024 [1024:2048]
			< ACK 2.31 #0002 t=01 Block1=1/1/1024
			> CON PUT #0003 t=01 /x Block1=2/1/1024 [2048:3072]
			< ACK 2.31 #0003 t=01 Block1=2/1/1024
			> CON PUT #0004 t=01 /x Block1=3/1/1024 [3072:4096]
			< ACK 2.31 #0004 t=01 Block1=3/1/1024
			> CON PUT #0005 t=01 /x Block1=4/1/1024 [4096:5120]
			< ACK EMPTY #0005                                    @1s..1s
			> CON PUT #0005 t=01 /x Block1=4/1/1024 [4096:5120]
			< ACK EMPTY #0005
			~ 30s
			< CON 2.31 #a t=01 Block1=4/1/1024                   @1s..1s
			> ACK EMPTY #a
			> CON PUT #0006 t=01 /x Block1=5/0/1024 [5120:5121]
			< ACK 2.04 #0006 t=01 Block1=5/0/1024 "taken"
		`)
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

// TestSlowHandlerOfUpload: when the body is there it is not the peer that is idle.
func TestSlowHandlerOfUpload(t *testing.T) {
	climb(t, blocks(64, slowly(200*time.Second, takeBody)), func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON PUT #0002 t=01 /x Block1=1/0/64 [64:100]
			< ACK EMPTY #0002                               @1s..1s
			< CON 2.04 #a t=01 Block1=1/0/64 "taken"        @199s..199s
			> ACK EMPTY #a
			~ 100s
		`)
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

// TestEarlierBlocks: a body that can be read anywhere serves any block, another
// only what comes next.
func TestEarlierBlocks(t *testing.T) {
	random := HandlerFunc(func(context.Context, *Request) *Response {
		return &Response{Code: Content, Body: bytes.NewReader(testBody(300)), Size: -1}
	})
	const steps = `
		> CON GET #0001 t=01 /x
		< ACK 2.05 #0001 t=01 Block2=0/1/64 [0:64]
		> CON GET #0002 t=01 /x Block2=1/0/64
		< ACK 2.05 #0002 t=01 Block2=1/1/64 [64:128]
		> CON GET #0003 t=01 /x Block2=2/0/64
		< ACK 2.05 #0003 t=01 Block2=2/1/64 [128:192]
	`
	climb(t, blocks(64, random), func(l *ladder) {
		l.run(steps + `
			> CON GET #0004 t=01 /x Block2=1/0/64
			< ACK 2.05 #0004 t=01 Block2=1/1/64 [64:128]
			> CON GET #0005 t=01 /x Block2=3/0/64
			< ACK 2.05 #0005 t=01 Block2=3/1/64 [192:256]
			> CON GET #0006 t=01 /x Block2=9/0/64
			< ACK 4.08 #0006 t=01
		`)
	})
	climb(t, blocks(64, serveBody(300)), func(l *ladder) {
		l.run(steps + `
			> CON GET #0004 t=01 /x Block2=1/0/64
			< ACK 4.08 #0004 t=01
			> CON GET #0005 t=01 /x Block2=3/0/64
			< ACK 2.05 #0005 t=01 Block2=3/1/64 [192:256]
		`)
	})
}

// TestSpoiledDownloads: what does not continue the body is an error of the body.
func TestSpoiledDownloads(t *testing.T) {
	tests := []struct{ name, second string }{
		{"other ETag", "> ACK 2.05 #b t=$t ETag=02 Block2=1/0/64 [64:100]"},
		{"no ETag", "> ACK 2.05 #b t=$t Block2=1/0/64 [64:100]"},
		{"other place", "> ACK 2.05 #b t=$t ETag=01 Block2=2/0/64 [128:192]"},
		{"no block option", "> ACK 2.05 #b t=$t ETag=01 [0:100]"},
		{"short block", "> ACK 2.05 #b t=$t ETag=01 Block2=1/1/64 [64:100]"},
		{"gone", "> ACK 4.08 #b t=$t"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			climb(t, blocks(1024, nil), func(l *ladder) {
				result := l.do(l.t.Context(), get("x"))
				l.run(`
					< CON GET #a t=$t /x
					> ACK 2.05 #a t=$t ETag=01 Block2=0/1/64 [0:64]
					< CON GET #b t=$t /x Block2=1/0/64
				` + tt.second)
				var broken *BlockError
				require.ErrorAs(t, (<-result).err, &broken)
				require.EqualValues(t, 64, broken.Offset)
			})
		})
	}
}

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
		climb(t, blocks(64, h), func(l *ladder) {
			l.run(`
				> CON GET #0001 t=01 /x
				< ACK 2.05 #0001 t=01 Block2=0/1/64 [0:64]
				> CON GET #0002 t=01 /x Block2=1/0/64
				< ACK 5.00 #0002 t=01
			`)
		})
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
