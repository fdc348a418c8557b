package endpoint

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Between two endpoints of this package the question is about the request itself. One
// that was restarted has lost it, and the client knows after one exchange.
func TestForgottenRequest(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		l.conn.SetPeer(testProfile())
		result := l.do(l.t.Context(), get("sync"))
		l.run(`
			< CON GET #a t=$t /sync
			> ACK EMPTY #a
			< CON GET #i t=$t O265=   @62s..62s
			> ACK EMPTY #i
			< CON GET #j t=$t O265=   @62s..62s
			> ACK 4.04 #j t=$t
			~ 10m
		`)
		require.Equal(t, outcome{err: ErrForgotten}, <-result)
	})
}

// A peer of an earlier version refuses the option, which shows that it lives.
func TestInquiryRefused(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		l.conn.SetPeer(testProfile())
		result := l.do(l.t.Context(), get("sync"))
		l.run(`
			< CON GET #a t=$t /sync
			> ACK EMPTY #a
			< CON GET #i t=$t O265=   @62s..62s
			> ACK 4.02 #i t=$t
			~ 1s
			> CON 2.05 #ad7b t=$t "news"
			< ACK EMPTY #ad7b
			~ 10m
		`)
		require.Equal(t, outcome{Content, "news", nil}, <-result)
	})
}

// A response that crosses the inquiry is the end of it, whatever the peer says then.
func TestResponseCrossesInquiry(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		l.conn.SetPeer(testProfile())
		result := l.do(l.t.Context(), get("sync"))
		l.run(`
			< CON GET #a t=$t /sync
			> ACK EMPTY #a
			< CON GET #i t=$t O265=   @62s..62s
			> CON 2.05 #ad7b t=$t "news"
			< ACK EMPTY #ad7b
			> ACK 4.04 #i t=$t
			~ 10m
		`)
		require.Equal(t, outcome{Content, "news", nil}, <-result)
	})
}

// The other side answers from the moment of the request until the client has the
// response, without a trace and as often as it is asked.
func TestInquiryAnswered(t *testing.T) {
	cfg := Config{Profile: testProfile(), Handler: HandlerFunc(func(context.Context, *Request) *Response {
		time.Sleep(10 * time.Second)
		return &Response{Code: Content, Body: strings.NewReader("news"), Size: 4}
	})}
	climb(t, cfg, func(l *ladder) {
		l.run(`
			> CON GET #0001 t=07 O265=
			< ACK 4.04 #0001 t=07
			> CON GET #0002 t=07 /sync
			< ACK EMPTY #0002  @1s..1s
			> CON GET #0003 t=07 O265=
			< ACK EMPTY #0003
			> CON GET #0003 t=07 O265=
			< ACK EMPTY #0003
			> CON GET #0004 t=08 O265=
			< ACK 4.04 #0004 t=08
			< CON 2.05 #n t=07 "news"  @9s..9s
			> CON GET #0005 t=07 O265=
			< ACK EMPTY #0005
			> ACK EMPTY #n
			> CON GET #0006 t=07 O265=
			< ACK 4.04 #0006 t=07
		`)
		require.Nil(t, l.conn.attended)
	})
}

// A response that could not be delivered is forgotten, and the client learns it.
func TestUndeliveredIsForgotten(t *testing.T) {
	cfg := Config{Profile: testProfile(), Handler: HandlerFunc(func(context.Context, *Request) *Response {
		time.Sleep(2 * time.Second)
		return &Response{Code: Content, Body: strings.NewReader("news"), Size: 4}
	})}
	cfg.Profile.MaxRetransmit = 0
	play(t, cfg, `
		> CON GET #0002 t=07 /sync
		< ACK EMPTY #0002  @1s..1s
		< CON 2.05 #n t=07 "news" @1s..1s
		~ 60s
		> CON GET #0003 t=07 O265=
		< ACK 4.04 #0003 t=07
	`)
}
