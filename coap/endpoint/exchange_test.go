package endpoint

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// outcome is what a call of Do that runs beside the ladder returned.
type outcome struct {
	code Code
	body string
	err  error
}

// do starts a request; the ladder plays the server.
func (l *ladder) do(ctx context.Context, r *Request) <-chan outcome {
	result := make(chan outcome, 1)
	go func() {
		resp, err := l.conn.Do(ctx, r)
		if err != nil {
			result <- outcome{err: err}
			return
		}
		body, err := io.ReadAll(resp.Body)
		result <- outcome{resp.Code, string(body), err}
	}()
	return result
}

func get(path string) *Request {
	r := &Request{Code: GET}
	for _, s := range strings.Split(path, "/") {
		r.Options = r.Options.AddString(URIPath, s)
	}
	return r
}

// TestRFC7252AppendixA plays the figures of RFC 7252 appendix A in both roles.
func TestRFC7252AppendixA(t *testing.T) {
	cfg := Config{Profile: testProfile()}

	t.Run("figure 16 client: piggybacked", func(t *testing.T) {
		got := ask(t, cfg, get("temperature"), `
			< CON GET #a t=$t /temperature
			> ACK 2.05 #a t=$t "22.3 C"
			~ 100s
		`)
		require.Equal(t, outcome{Content, "22.3 C", nil}, got)
	})
	t.Run("figure 18 client: retransmitted", func(t *testing.T) {
		got := ask(t, cfg, get("temperature"), `
			< CON GET #a t=$t /temperature
			< CON GET #a t=$t /temperature @2s..2s
			> ACK 2.05 #a t=$t "22.3 C"
			~ 100s
		`)
		require.Equal(t, outcome{Content, "22.3 C", nil}, got)
	})
	t.Run("figure 20 client: separate", func(t *testing.T) {
		got := ask(t, cfg, get("temperature"), `
			< CON GET #a t=$t /temperature
			> ACK EMPTY #a
			~ 61s
			> CON 2.05 #ad7b t=$t "22.3 C"
			< ACK EMPTY #ad7b
			> CON 2.05 #ad7b t=$t "22.3 C"
			< ACK EMPTY #ad7b
		`)
		require.Equal(t, outcome{Content, "22.3 C", nil}, got)
	})
	t.Run("figure 21 client: separate, acknowledgement lost", func(t *testing.T) {
		got := ask(t, cfg, get("temperature"), `
			< CON GET #a t=$t /temperature
			> CON 2.05 #ad7b t=$t "22.3 C"
			< ACK EMPTY #ad7b
			> ACK EMPTY #a
			~ 100s
		`)
		require.Equal(t, outcome{Content, "22.3 C", nil}, got)
	})
}

// TestDuplicatedResponseSendsNothing: go-coap sends the POST again, with an empty
// body.
func TestDuplicatedResponseSendsNothing(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		r := get("x")
		r.Code, r.Body = POST, strings.NewReader("body")
		result := l.do(l.t.Context(), r)
		l.run(`
			< CON POST #a t=$t /x "body"
			> ACK 2.04 #a t=$t
			> ACK 2.04 #a t=$t
			~ 300s
		`)
		require.Equal(t, outcome{Changed, "", nil}, <-result)
	})
}

func answer(code Code, body string) HandlerFunc {
	return func(context.Context, *Request) *Response {
		return &Response{Code: code, Body: strings.NewReader(body), Size: int64(len(body))}
	}
}

// slowly answers after d.
func slowly(d time.Duration, h HandlerFunc) HandlerFunc {
	return func(ctx context.Context, r *Request) *Response {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return h(ctx, r)
	}
}

func TestServerPiggybacks(t *testing.T) {
	play(t, Config{Profile: testProfile(), Handler: answer(Content, "22.3 C")}, `
		> CON GET #7d34 t=53 /temperature
		< ACK 2.05 #7d34 t=53 "22.3 C"
	`)
}

func TestSlowHandlerGetsEmptyAck(t *testing.T) {
	h := slowly(30*time.Second, answer(Content, "22.3 C"))
	play(t, Config{Profile: testProfile(), Handler: h}, `
		> CON GET #7d34 t=53 /temperature
		< ACK EMPTY #7d34                    @1s..1s
		> CON GET #7d34 t=53 /temperature
		< ACK EMPTY #7d34
		< CON 2.05 #a t=53 "22.3 C"          @29s..29s
		< CON 2.05 #a t=53 "22.3 C"          @2s..2s
		> ACK EMPTY #a
		~ 100s
	`)
}
