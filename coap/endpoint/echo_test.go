package endpoint

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func post(body string) *Request {
	r := &Request{Code: POST}
	if body != "" {
		r.Body, r.Size = strings.NewReader(body), int64(len(body))
	}
	return r
}

// The client shows what the server asked for, and nobody else notices.
func TestEchoAnswered(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		for _, body := range []string{"", "hello"} {
			result := l.do(l.t.Context(), post(body))
			l.run(`
				< CON POST #a` + body + ` t=$t` + body + ` "` + body + `"
				> ACK 4.01 #a` + body + ` t=$t` + body + ` O252=0102030405
				< CON POST #b` + body + ` t=$u` + body + ` O252=0102030405 "` + body + `"
				> ACK 2.04 #b` + body + ` t=$u` + body + `
			`)
			require.Equal(t, outcome{code: Changed}, <-result)
		}
	})
}

// What cannot be made again, and who is never content, ends in an error; 4.01 without
// Echo is the resource's.
func TestEchoRefused(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		once := &Request{Code: POST, Body: io.MultiReader(strings.NewReader("hello")), Size: 5}
		result := l.do(l.t.Context(), once)
		l.run(`
			< CON POST #a t=$t "hello"
			> ACK 4.01 #a t=$t O252=01
			~ 1s
		`)
		require.Equal(t, outcome{err: ErrChallenged}, <-result)
		result = l.do(l.t.Context(), post(""))
		l.run(`
			< CON POST #b t=$b
			> ACK 4.01 #b t=$b O252=01
			< CON POST #c t=$c O252=01
			> ACK 4.01 #c t=$c O252=02
			< CON POST #d t=$d O252=02
			> ACK 4.01 #d t=$d O252=03
			~ 1s
		`)
		require.Equal(t, outcome{err: ErrChallenged}, <-result)
		result = l.do(l.t.Context(), post(""))
		l.run(`
			< CON POST #e t=$e
			> ACK 4.01 #e t=$e
		`)
		require.Equal(t, outcome{code: Unauthorized}, <-result)
	})
}

// careful executes only what is fresh.
func careful(executed *int) Handler {
	return HandlerFunc(func(_ context.Context, r *Request) *Response {
		if !r.Fresh {
			return r.Challenge()
		}
		*executed++
		return &Response{Code: Changed}
	})
}

// Two endpoints: each value is for its path and its time, and once something was fresh
// and the layer below takes nothing older any more, nobody is asked.
func TestEchoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := datagramPipe()
		p := &roamer{verified: true}
		executed := 0
		server := New(ours, Config{Profile: testProfile(), Handler: careful(&executed), Paths: p})
		client := New(theirs, Config{Profile: testProfile()})
		defer func() {
			_ = client.Close()
			_ = server.Close()
			client.Wait()
			server.Wait()
		}()
		ask := func() {
			resp, err := client.Do(t.Context(), post("body"))
			require.NoError(t, err)
			require.Equal(t, Changed, resp.Code)
		}
		p.moves(1000)
		ask()
		assert.True(t, p.verified, "who has the value receives there")
		assert.Equal(t, uint64(2), server.received)
		ask()
		assert.Equal(t, uint64(4), server.received)
		for server.received < 2+replayWindow {
			require.NoError(t, client.Ping(t.Context()))
		}
		before := server.received
		ask()
		assert.Equal(t, before+1, server.received)
		assert.Equal(t, 3, executed)
	})
}

// A value is good for MAX_TRANSMIT_WAIT, 62 s of testProfile, on its path.
func TestEchoGrowsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, _ := datagramPipe()
		p := &roamer{verified: true}
		c := New(ours, Config{Profile: testProfile(), Paths: p})
		defer c.Wait()
		defer c.Close()
		value := func() Options { return (&Request{Conn: c}).Challenge().Options }
		given := value()
		assert.Len(t, given[0].Value, 8)
		assert.False(t, c.isFresh(Options{{Echo, []byte("12345678")}}))
		assert.False(t, c.isFresh(Options{{Echo, given[0].Value[:7]}}))
		assert.False(t, c.isFresh(nil))
		p.moves(1000)
		assert.False(t, c.isFresh(given), "another path")
		given = value()
		time.Sleep(62 * time.Second)
		assert.True(t, c.isFresh(given))
		time.Sleep(time.Second)
		assert.False(t, c.isFresh(given))
	})
}
