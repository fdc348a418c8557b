package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// requests makes n requests, each answered at once, and returns their tokens.
func (l *ladder) requests(name string, n int) map[string]bool {
	l.t.Helper()
	used := map[string]bool{}
	for i := range n {
		result := l.do(l.t.Context(), get("x"))
		id := fmt.Sprint("request-", name, i)
		l.run(fmt.Sprintf(`
			< CON GET #%[1]s t=$%[1]s /x
			> ACK 2.05 #%[1]s t=$%[1]s "mine"
		`, id))
		require.Equal(l.t, outcome{Content, "mine", nil}, <-result)
		used[string(l.toks["$"+id])] = true
	}
	return used
}

// The answer to a request that was given up may come at any later time. Until it
// has, no other request has its token: that may be another user's.
func TestTokenOfAbandonedRequest(t *testing.T) {
	for _, test := range []struct{ name, acknowledged, late string }{
		{"separate response", `> ACK EMPTY #old`, `
			> CON 2.05 #ad7b t=$old "of another user"
			< RST EMPTY #ad7b`},
		{"piggybacked response", ``, `
			> ACK 2.05 #old t=$old "of another user"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			climb(t, Config{Profile: testProfile()}, func(l *ladder) {
				ctx, cancel := context.WithCancel(l.t.Context())
				given := l.do(ctx, get("sync"))
				l.run("< CON GET #old t=$old /sync\n" + test.acknowledged)
				cancel()
				require.ErrorIs(t, (<-given).err, context.Canceled)
				old := string(l.toks["$old"])
				require.NotContains(t, l.requests("a", 500), old)
				l.run(test.late)
				again := l.requests("b", 500)
				require.Contains(t, again, old, "a token that was answered is used again")
				for tok := range again {
					require.Len(t, tok, 1)
				}
			})
		})
	}
}

// A late answer may be repeated, when the Reset was lost: it stays rejected.
func TestRepeatedLateResponse(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		ctx, cancel := context.WithCancel(l.t.Context())
		given := l.do(ctx, get("sync"))
		l.run(`
			< CON GET #old t=$old /sync
			> ACK EMPTY #old
		`)
		cancel()
		<-given
		l.run(`
			> CON 2.05 #ad7b t=$old "of another user"
			< RST EMPTY #ad7b
		`)
		for i := range 600 {
			result := l.do(l.t.Context(), get("x"))
			id := fmt.Sprint("request-", i)
			l.run(fmt.Sprintf("< CON GET #%[1]s t=$%[1]s /x", id))
			if bytes.Equal(l.toks["$"+id], l.toks["$old"]) {
				l.run(`
					> CON 2.05 #ad7b t=$old "of another user"
					< RST EMPTY #ad7b
				`)
			}
			l.run(fmt.Sprintf(`> ACK 2.05 #%[1]s t=$%[1]s "mine"`, id))
			require.Equal(t, outcome{Content, "mine", nil}, <-result)
		}
	})
}

// An answer that is there is not kept waiting by a ping for which there is no
// place yet.
func TestPingHoldsUpNothing(t *testing.T) {
	cfg := Config{Profile: testProfile()}
	cfg.Profile.NStart = 1
	climb(t, cfg, func(l *ladder) {
		result := l.do(l.t.Context(), get("sync"))
		l.run(`
			< CON GET #a t=$t /sync
			> ACK EMPTY #a
			~ 60s
		`)
		other := l.do(l.t.Context(), get("x"))
		l.run(`
			< CON GET #b t=$u /x
			< CON GET #b t=$u /x @2s..2s
			> CON 2.05 #ad7b t=$t "news"
			< ACK EMPTY #ad7b
		`)
		select {
		case got := <-result:
			require.Equal(t, outcome{Content, "news", nil}, got)
		default:
			t.Fatal("the answer waits for the ping")
		}
		l.run(`
			> ACK 2.05 #b t=$u "other"
			~ 10m
		`)
		require.Equal(t, outcome{Content, "other", nil}, <-other)
	})
}

// The blocks of a response are asked for with the Request-Tag of the request
// (RFC 9175 §3.3): its transfer is known by it.
func TestTaggedUploadWithLargeResponse(t *testing.T) {
	cfg := blocks(64, HandlerFunc(mirror))
	together(t, cfg, cfg, perfect, func(t *testing.T, client, _ *Conn) {
		var both sync.WaitGroup
		for _, size := range []int{300, 400} {
			both.Go(func() {
				resp, err := client.Do(t.Context(), &Request{Code: POST, Body: bytes.NewReader(testBody(size)), Size: int64(size)})
				require.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.Equal(t, append([]byte(" "), testBody(size)...), body)
			})
		}
		both.Wait()
	})
}
