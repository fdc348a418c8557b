package endpoint

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAcknowledgedSeparateResponse: the peer has it and repeats no more.
func TestAcknowledgedSeparateResponse(t *testing.T) {
	climb(t, Config{Profile: testProfile(), Handler: slowly(5*time.Second, counting())}, func(l *ladder) {
		l.run(`
			> CON POST #0001 t=01 /x
			< ACK EMPTY #0001              @1s..1s
			< CON 2.04 #a t=01 "1"         @4s..4s
			> CON POST #0001 t=01 /x
			< ACK EMPTY #0001
			> ACK EMPTY #a
			> CON POST #0001 t=01 /x
			~ 100s
		`)
		require.Zero(t, l.conn.seen.bytes)
	})
}

// TestNonIsAnsweredWithNon: go-coap answers CON.
func TestNonIsAnsweredWithNon(t *testing.T) {
	play(t, Config{Profile: testProfile(), Handler: slowly(3*time.Second, counting())}, `
		> NON POST #0001 t=01 /x
		< NON 2.04 #a t=01 "1"     @3s..3s
		> NON POST #0001 t=01 /x
		~ 100s
	`)
}

// TestUnknownCriticalOption: go-coap accepts it. RFC 7252 §5.4.1.
func TestUnknownCriticalOption(t *testing.T) {
	cfg := Config{Profile: testProfile(), Handler: counting(), KnownCritical: func(n OptionNumber) bool { return n == 257 }}
	tests := []struct{ name, ladder string }{
		{"unknown critical", `
			> CON GET #0001 t=01 O9=00
			< ACK 4.02 #0001 t=01 "option 9"
			> CON GET #0001 t=01 O9=00
			< ACK 4.02 #0001 t=01 "option 9"`},
		{"known to the handler", `
			> CON GET #0001 t=01 O257=01
			< ACK 2.04 #0001 t=01 "1"`},
		{"unknown elective", `
			> CON GET #0001 t=01 O2048=01
			< ACK 2.04 #0001 t=01 "1"`},
		{"unknown critical in NON", `
			> NON GET #0001 t=01 O9=00
			~ 100s`},
		{"critical of illegal length", `
			> CON GET #0001 t=01 O17=000000
			< ACK 4.02 #0001 t=01 "option 17"`},
		{"critical of illegal length, empty", `
			> CON GET #0001 t=01 O3=
			< ACK 4.02 #0001 t=01 "option 3"`},
		{"elective of illegal length", `
			> CON GET #0001 t=01 O12=000000
			< ACK 2.04 #0001 t=01 "1"`},
		{"repeated critical", `
			> CON GET #0001 t=01 Accept=1 Accept=2
			< ACK 4.02 #0001 t=01 "option 17"`},
		{"repeated elective", `
			> CON GET #0001 t=01 ContentFormat=1 ContentFormat=2
			< ACK 2.04 #0001 t=01 "1"`},
		{"repeatable", `
			> CON GET #0001 t=01 /a/a/a ?b ?b
			< ACK 2.04 #0001 t=01 "1"`},
		{"If-Match is for the handler", `
			> CON GET #0001 t=01 O1=00
			< ACK 4.02 #0001 t=01 "option 1"`},
		{"proxying", `
			> CON GET #0001 t=01 O35=61
			< ACK 5.05 #0001 t=01`},
		{"unknown method", `
			> CON 0.31 #0001 t=01
			< ACK 4.05 #0001 t=01`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg.Handler = counting()
			play(t, cfg, tt.ladder)
		})
	}
}

// TestCriticalOptionInResponse: spoils it (RFC 7252 §5.4.1).
func TestCriticalOptionInResponse(t *testing.T) {
	for _, tt := range []struct{ name, ladder string }{
		{"piggybacked", `> ACK 2.05 #a t=$t O9=00`},
		{"separate", `
			> CON 2.05 #0001 t=$t O9=00
			< RST EMPTY #0001`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			climb(t, Config{Profile: testProfile()}, func(l *ladder) {
				result := l.do(l.t.Context(), get("x"))
				l.run("< CON GET #a t=$t /x\n" + tt.ladder)
				var bad *OptionError
				require.ErrorAs(t, (<-result).err, &bad)
				require.Equal(t, OptionNumber(9), bad.Number)
			})
		})
	}
}

// TestMalformedMessages: each is rejected or ignored, and the session goes on; with
// go-coap it ends.
func TestMalformedMessages(t *testing.T) {
	reset := []byte{0x70, 0, 0x12, 0x34}
	tests := []struct {
		name string
		data []byte
		want []byte
	}{
		{"nothing", nil, nil},
		{"short", []byte{0x40, 1, 0x12}, nil},
		{"version 0", []byte{0x00, 1, 0x12, 0x34}, nil},
		{"version 2, confirmable", []byte{0x80, 1, 0x12, 0x34}, nil},
		{"token length 9", []byte{0x49, 1, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 9}, reset},
		{"token length 15 in NON", append([]byte{0x5f, 1, 0x12, 0x34}, make([]byte, 15)...), nil},
		{"token truncated", []byte{0x42, 1, 0x12, 0x34, 1}, reset},
		{"marker without payload", []byte{0x40, 1, 0x12, 0x34, 0xff}, reset},
		{"marker without payload after option", []byte{0x40, 1, 0x12, 0x34, 0xb1, 'a', 0xff}, reset},
		{"option truncated", []byte{0x40, 1, 0x12, 0x34, 0xb2, 'a'}, reset},
		{"option delta 15", []byte{0x40, 1, 0x12, 0x34, 0xf0}, reset},
		{"option length 15", []byte{0x40, 1, 0x12, 0x34, 0x0f}, reset},
		{"option number over 65535", []byte{0x40, 1, 0x12, 0x34, 0xe0, 0xff, 0xff}, reset},
		{"empty with token", []byte{0x41, 0, 0x12, 0x34, 1}, reset},
		{"empty with content", []byte{0x40, 0, 0x12, 0x34, 0xff, 1}, reset},
		{"empty NON", []byte{0x50, 0, 0x12, 0x34}, nil},
		{"empty NON with content", []byte{0x50, 0, 0x12, 0x34, 0xff, 1}, nil},
		{"reserved class 1", []byte{0x40, 0x21, 0x12, 0x34}, reset},
		{"reserved class 6", []byte{0x40, 0xc1, 0x12, 0x34}, reset},
		{"reserved class 7 in NON", []byte{0x50, 0xe1, 0x12, 0x34}, nil},
		{"request in ACK", []byte{0x60, 1, 0x12, 0x34}, nil},
		{"reset with code", []byte{0x70, 0x45, 0x12, 0x34}, nil},
		{"empty ACK with content", []byte{0x60, 0, 0x12, 0x34, 1}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			climb(t, Config{Profile: testProfile(), Handler: counting()}, func(l *ladder) {
				l.raw(tt.data)
				if tt.want == nil {
					l.run("~ 1s")
				} else {
					got, ok := l.peer.next(0)
					require.True(t, ok)
					require.Equal(t, tt.want, got)
				}
				l.run(`
					> CON GET #0001 t=01 /x
					< ACK 2.04 #0001 t=01 "1"
				`)
			})
		})
	}
}

// TestTokensOfEveryLength: the peer's tokens have 0 to 8 bytes.
func TestTokensOfEveryLength(t *testing.T) {
	climb(t, Config{Profile: testProfile(), Handler: answer(Content, "")}, func(l *ladder) {
		for n := range 9 {
			l.run(fmt.Sprintf(`
				> CON GET #%04x t=%s /x
				< ACK 2.05 #%04x t=%s
			`, n, strings.Repeat("ab", n), n, strings.Repeat("ab", n)))
		}
	})
}

// TestSlowHandlerBlocksNobody: go-coap runs one handler at a time.
func TestSlowHandlerBlocksNobody(t *testing.T) {
	h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
		if path, _ := r.Options.Get(URIPath); string(path) == "slow" {
			return slowly(time.Hour, answer(Content, "slow"))(ctx, r)
		}
		return answer(Content, "quick")(ctx, r)
	})
	play(t, Config{Profile: testProfile(), Handler: h}, `
		> CON GET #0001 t=01 /slow
		> CON GET #0002 t=02 /quick
		< ACK 2.05 #0002 t=02 "quick"
		< ACK EMPTY #0001              @1s..1s
	`)
}

// TestMaxRequests: more are answered 5.03 with Max-Age.
func TestMaxRequests(t *testing.T) {
	cfg := Config{Profile: testProfile(), Handler: slowly(10*time.Second, answer(Content, "done")), MaxRequests: 2}
	play(t, cfg, `
		> CON GET #0001 t=01
		> CON GET #0002 t=02
		> CON GET #0003 t=03
		< ACK 5.03 #0003 t=03 MaxAge=5
		> CON GET #0003 t=03
		< ACK 5.03 #0003 t=03 MaxAge=5
	`)
}

// TestAckDelayTowardsKnownPeer: the profile's, not one second.
func TestAckDelayTowardsKnownPeer(t *testing.T) {
	cfg := Config{Profile: testProfile(), Handler: slowly(time.Hour, answer(Content, ""))}
	cfg.Profile.EmptyAckDelay = 30 * time.Second
	cfg.Profile.AckTimeout = 80 * time.Second
	climb(t, cfg, func(l *ladder) {
		l.run(`
			> CON GET #0001 t=01
			< ACK EMPTY #0001      @1s..1s
		`)
		l.conn.SetPeer(cfg.Profile)
		l.run(`
			> CON GET #0002 t=02
			< ACK EMPTY #0002      @30s..30s
		`)
	})
}

// TestHandlerRefuses: nil from Admit resets, nil from the handler is 5.00, and no
// handler is 5.01.
func TestHandlerRefuses(t *testing.T) {
	climb(t, Config{Profile: testProfile(), Handler: refuser{}}, func(l *ladder) {
		l.run(`
			> CON GET #0001 t=01
			< RST EMPTY #0001
			> CON GET #0001 t=01
			< RST EMPTY #0001
			> NON GET #0002 t=02
			~ 10s
			> CON PUT #0003 t=03 Block1=0/1/16 [0:16]
			< RST EMPTY #0003
		`)
		require.Empty(t, l.conn.uploads)
	})
	h := HandlerFunc(func(context.Context, *Request) *Response { return nil })
	play(t, Config{Profile: testProfile(), Handler: h}, `
		> CON GET #0001 t=01
		< ACK 5.00 #0001 t=01
	`)
	play(t, Config{Profile: testProfile()}, `
		> CON GET #0001 t=01
		< ACK 5.01 #0001 t=01
	`)
}

type refuser struct{}

func (refuser) Admit(*Request) func(context.Context) *Response { return nil }

// ordered notes the order of admission, on a handler that runs in any order.
type ordered struct{ paths []string }

func (o *ordered) Admit(r *Request) func(context.Context) *Response {
	path, _ := r.Options.Get(URIPath)
	o.paths = append(o.paths, string(path))
	return func(context.Context) *Response { return &Response{Code: Content} }
}

// TestAdmissionOrder: as the messages arrived, duplicates left out.
func TestAdmissionOrder(t *testing.T) {
	o := &ordered{}
	climb(t, Config{Profile: testProfile(), Handler: o}, func(l *ladder) {
		for i := range 50 {
			m := Message{Type: Confirmable, Code: GET, MessageID: uint16(i), Token: []byte{byte(i)},
				Options: Options{}.AddString(URIPath, fmt.Sprint(i))}
			data, err := AppendMessage(nil, &m)
			require.NoError(t, err)
			l.peer.Write(data)
			l.peer.Write(data)
		}
		synctest.Wait()
		require.Len(t, o.paths, 50)
		for i, p := range o.paths {
			require.Equal(t, fmt.Sprint(i), p)
		}
	})
}

// TestResponseThatCannotBeEncoded: the client gets 5.00 rather than nothing.
func TestResponseThatCannotBeEncoded(t *testing.T) {
	h := HandlerFunc(func(context.Context, *Request) *Response {
		return &Response{Code: Content, Options: Options{{MaxAge, nil}, {ETag, []byte{1}}}}
	})
	play(t, Config{Profile: testProfile(), Handler: h}, `
		> CON GET #0001 t=01
		< ACK 5.00 #0001 t=01
	`)
}
