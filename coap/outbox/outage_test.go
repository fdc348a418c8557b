package outbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHold: a client that may be held for so long is told to come again, and when it does
// the answer is there.
func TestHold(t *testing.T) {
	o := &outage{}
	inBox(t, &base{answer: o.answer}, &Transport{Hold: 25 * time.Second}, func(t *testing.T, tr *Transport) {
		for range 3 {
			begun := time.Now()
			resp, answer, err := ask(t, tr, short, "token", send, text)
			require.NoError(t, err)
			assert.Equal(t, 25*time.Second, time.Since(begun))
			assertComeAgain(t, resp, answer)
			time.Sleep(time.Minute)
		}
		o.end()
		time.Sleep(5 * time.Minute)
		assert.Equal(t, `{"event_id":"$`+text+`"}`, want(t, tr, 200, "token", send, text))
	})
}

// assertComeAgain checks that clients understand when to ask again.
func assertComeAgain(t *testing.T, resp *http.Response, answer string) {
	t.Helper()
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	var told struct {
		ErrCode, Error string
		Milliseconds   int64 `json:"retry_after_ms"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &told), answer)
	assert.Equal(t, "M_LIMIT_EXCEEDED", told.ErrCode)
	assert.NotEmpty(t, told.Error)
	assert.GreaterOrEqual(t, told.Milliseconds, leastPatience.Milliseconds())
	assert.LessOrEqual(t, told.Milliseconds, mostPatience.Milliseconds())
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	require.NoError(t, err)
	assert.InDelta(t, float64(told.Milliseconds)/1000, seconds, 1)
}

// TestFull: what is too much is told so at once, and what is in the queue is not affected.
func TestFull(t *testing.T) {
	for name, limit := range map[string]*Transport{"count": {MaxItems: 3}, "bytes": {MaxBytes: 1000}} {
		t.Run(name, func(t *testing.T) {
			o := &outage{}
			inBox(t, &base{answer: o.answer}, limit, func(t *testing.T, tr *Transport) {
				body := strings.Repeat("x", 200)
				for n := range 3 {
					giveUp(t, tr, "token", room("!r", n), body)
				}
				begun := time.Now()
				resp, answer, err := ask(t, tr, long, "token", room("!r", 3), body)
				require.NoError(t, err)
				assert.Zero(t, time.Since(begun))
				assertComeAgain(t, resp, answer)
				assert.Equal(t, 3, tr.Snapshot().Queued)
				o.end()
				want(t, tr, 200, "token", room("!r", 0), body)
				time.Sleep(time.Minute)
				want(t, tr, 200, "token", room("!r", 3), body)
			})
		})
	}
}

// TestOutageIsProbed: however many rooms wait, a link that is away is tried by one request
// at a time, ever more seldom; and everything goes at once when something else shows that
// it is back.
func TestOutageIsProbed(t *testing.T) {
	o := &outage{}
	b := &base{answer: func(r *http.Request, body string) (*http.Response, error) {
		if r.Method == "GET" {
			return reply(200, "{}"), nil
		}
		return o.answer(r, body)
	}}
	inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
		const rooms = 20
		for n := range rooms {
			giveUp(t, tr, "token", room(fmt.Sprint("!", n), 1), text)
		}
		time.Sleep(10 * time.Hour)
		tries := len(b.seen())
		assert.Less(t, tries, maxSending+10+int(10*time.Hour/pauseOf(tr.Profile, 100)))
		assert.Greater(t, tries, maxSending+10)
		s := tr.Snapshot()
		assert.True(t, s.LinkAway)
		assert.LessOrEqual(t, time.Until(s.NextTry), pauseOf(tr.Profile, 100))
		assert.Equal(t, rooms, s.Queued)
		assert.Len(t, s.Rooms, rooms)
		assert.Less(t, 10*time.Hour, s.Oldest)
		assert.Equal(t, RoomQueue{Queued: 1, Bytes: s.Bytes / rooms, Oldest: s.Oldest}, RoomQueue{Queued: s.Rooms[0].Queued, Bytes: s.Bytes / rooms, Oldest: s.Rooms[0].Oldest})
		o.end()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "coap://gateway"+v3+"sync", nil)
		require.NoError(t, err)
		back := time.Now()
		_, err = tr.RoundTrip(r)
		require.NoError(t, err)
		for n := range rooms {
			want(t, tr, 200, "token", room(fmt.Sprint("!", n), 1), text)
		}
		assert.Less(t, time.Since(back), 5*time.Second)
		assert.False(t, tr.Snapshot().LinkAway)
	})
}

// TestNobodyHammers: a message that never gets through does not stop others, and is tried
// ever more seldom though the link works.
func TestNobodyHammers(t *testing.T) {
	b := &base{answer: func(r *http.Request, body string) (*http.Response, error) {
		if body == "bad" {
			return nil, errAway
		}
		return reply(200, "{}"), nil
	}}
	inBox(t, b, &Transport{MaxAge: 12 * time.Hour}, func(t *testing.T, tr *Transport) {
		giveUp(t, tr, "token", room("!bad", 1), "bad")
		for n := range 10 * 60 {
			begun := time.Now()
			want(t, tr, 200, "token", room("!good", n), "good")
			assert.LessOrEqual(t, time.Since(begun), 5*time.Second)
			r, err := http.NewRequestWithContext(t.Context(), "GET", "coap://gateway"+v3+"sync", nil)
			require.NoError(t, err)
			_, err = tr.RoundTrip(r)
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		bad := strings.Count(strings.Join(b.seen(), "\n"), " bad")
		t.Log(bad, "tries in ten hours")
		assert.Less(t, bad, 30+int(10*time.Hour/pauseOf(tr.Profile, 100)))
		time.Sleep(3 * time.Hour) // it is too old then
	})
}
