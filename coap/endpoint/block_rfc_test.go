package endpoint

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRFC7959Section3 plays the figures of RFC 7959 §3 in both roles. Payloads of
// unnamed size have as many bytes as make the figure.
func TestRFC7959Section3(t *testing.T) {
	body300 := string(testBody(300))

	t.Run("figure 2 server: simple GET", func(t *testing.T) {
		play(t, blocks(128, serveBody(300)), `
			> CON GET #1234 t=01 /status
			< ACK 2.05 #1234 t=01 Block2=0/1/128 [0:128]
			> CON GET #1235 t=01 /status Block2=1/0/128
			< ACK 2.05 #1235 t=01 Block2=1/1/128 [128:256]
			> CON GET #1236 t=01 /status Block2=2/0/128
			< ACK 2.05 #1236 t=01 Block2=2/0/128 [256:300]
		`)
	})
	t.Run("figure 2 client: simple GET", func(t *testing.T) {
		got := ask(t, blocks(1024, nil), get("status"), `
			< CON GET #a t=$t /status
			> ACK 2.05 #a t=$t Block2=0/1/128 [0:128]
			< CON GET #b t=$t /status Block2=1/0/128
			> ACK 2.05 #b t=$t Block2=1/1/128 [128:256]
			< CON GET #c t=$t /status Block2=2/0/128
			> ACK 2.05 #c t=$t Block2=2/0/128 [256:300]
			~ 100s
		`)
		require.Equal(t, outcome{Content, body300, nil}, got)
	})
	t.Run("figure 3 server: early negotiation", func(t *testing.T) {
		play(t, blocks(128, serveBody(300)), `
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
	t.Run("figure 3 client: early negotiation", func(t *testing.T) {
		got := ask(t, blocks(64, nil), get("status"), `
			< CON GET #a t=$t /status Block2=0/0/64
			> ACK 2.05 #a t=$t Block2=0/1/64 [0:64]
			< CON GET #b t=$t /status Block2=1/0/64
			> ACK 2.05 #b t=$t Block2=1/0/64 [64:100]
		`)
		require.Equal(t, outcome{Content, string(testBody(100)), nil}, got)
	})
	t.Run("figure 4 server: late negotiation", func(t *testing.T) {
		play(t, blocks(128, serveBody(300)), `
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
	t.Run("figure 6 server: late negotiation, lost acknowledgement", func(t *testing.T) {
		play(t, blocks(128, serveBody(256)), `
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
	t.Run("figure 7 server: simple atomic PUT", func(t *testing.T) {
		play(t, blocks(128, HandlerFunc(takeBody)), `
			> CON PUT #1234 t=01 /options Block1=0/1/128 [0:128]
			< ACK 2.31 #1234 t=01 Block1=0/1/128
			> CON PUT #1235 t=01 /options Block1=1/1/128 [128:256]
			< ACK 2.31 #1235 t=01 Block1=1/1/128
			> CON PUT #1236 t=01 /options Block1=2/0/128 [256:300]
			< ACK 2.04 #1236 t=01 Block1=2/0/128 "taken"
		`)
	})
	t.Run("figure 7 client: simple atomic PUT", func(t *testing.T) {
		got := ask(t, blocks(128, nil), put("options", 300), `
			< CON PUT #a t=$t /options Block1=0/1/128 [0:128]
			> ACK 2.31 #a t=$t Block1=0/1/128
			< CON PUT #b t=$t /options Block1=1/1/128 [128:256]
			> ACK 2.31 #b t=$t Block1=1/1/128
			< CON PUT #c t=$t /options Block2=0/0/128 Block1=2/0/128 [256:300]
			> ACK 2.04 #c t=$t Block1=2/0/128
		`)
		require.Equal(t, outcome{Changed, "", nil}, got)
	})
	t.Run("figure 9 server: negotiated PUT", func(t *testing.T) {
		play(t, blocks(32, HandlerFunc(takeBody)), `
			> CON PUT #1234 t=01 /options Block1=0/1/128 [0:128]
			< ACK 2.31 #1234 t=01 Block1=0/1/32
			> CON PUT #1235 t=01 /options Block1=4/1/32 [128:160]
			< ACK 2.31 #1235 t=01 Block1=4/1/32
			> CON PUT #1236 t=01 /options Block1=5/0/32 [160:180]
			< ACK 2.04 #1236 t=01 Block1=5/0/32 "taken"
		`)
	})
	t.Run("figure 9 client: negotiated PUT", func(t *testing.T) {
		got := ask(t, blocks(128, nil), put("options", 180), `
			< CON PUT #a t=$t /options Block1=0/1/128 [0:128]
			> ACK 2.31 #a t=$t Block1=0/1/32
			< CON PUT #b t=$t /options Block1=4/1/32 [128:160]
			> ACK 2.31 #b t=$t Block1=4/1/32
			< CON PUT #c t=$t /options Block2=0/0/128 Block1=5/0/32 [160:180]
			> ACK 2.04 #c t=$t Block1=5/0/32
		`)
		require.Equal(t, outcome{Changed, "", nil}, got)
	})
	t.Run("figure 10 server: POST with block-wise response", func(t *testing.T) {
		h := HandlerFunc(func(_ context.Context, r *Request) *Response {
			body, _ := io.ReadAll(r.Body)
			return &Response{Code: Changed, Body: bytes.NewReader(body), Size: int64(len(body))}
		})
		play(t, blocks(128, h), `
			> CON POST #1234 t=01 /soap Block1=0/1/128 [0:128]
			< ACK 2.31 #1234 t=01 Block1=0/1/128
			> CON POST #1235 t=01 /soap Block1=1/0/128 [128:200]
			< ACK 2.04 #1235 t=01 Block2=0/1/128 Block1=1/0/128 Size2=200 [0:128]
			> CON POST #1236 t=01 /soap Block2=1/0/128
			< ACK 2.04 #1236 t=01 Block2=1/0/128 [128:200]
		`)
	})
	t.Run("figure 10 client: POST with block-wise response", func(t *testing.T) {
		r := put("soap", 1100)
		r.Code = POST
		got := ask(t, blocks(1024, nil), r, `
			< CON POST #a t=$t /soap Block1=0/1/1024 [0:1024]
			> ACK 2.31 #a t=$t Block1=0/1/1024
			< CON POST #b t=$t /soap Block1=1/0/1024 [1024:1100]
			> ACK 2.04 #b t=$t Block1=1/0/1024 Block2=0/1/256 [0:256]
			< CON POST #c t=$t /soap Block2=1/0/256
			> ACK 2.04 #c t=$t Block2=1/0/256 [256:300]
		`)
		require.Equal(t, outcome{Changed, body300, nil}, got)
	})
}
