package outbox

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/txn"
)

// TestLetters: what comes out of the store is what went in.
func TestLetters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := letter{
			at:   time.Unix(0, rapid.Int64().Draw(t, "at")),
			url:  rapid.String().Draw(t, "url"),
			body: rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body"),
		}
		for range rapid.IntRange(0, maxLines).Draw(t, "lines") {
			l.header = append(l.header, headerLine{rapid.ByteRange(0, byte(len(sent)-1)).Draw(t, "name"), rapid.String().Draw(t, "value")})
		}
		value := l.encode()
		got, err := decodeLetter(value)
		require.NoError(t, err)
		assert.True(t, l.at.Equal(got.at))
		got.at = l.at
		assert.Equal(t, l, got)
		for n := range len(value) - len(l.body) { // the body has any length
			_, err := decodeLetter(value[:n])
			require.Error(t, err)
		}
	})
}

// TestSameRequest: the queue of an earlier life knows the requests of clients that ask
// again.
func TestSameRequest(t *testing.T) {
	for _, target := range []string{send, v3 + "sendToDevice/m.x/1", v3 + "rooms/%21r%2F:hs/send/a%20b/%F0%9F%98%80?access_token=t&x="} {
		r := put(t.Context(), t, "token", target, text)
		l, ok := letterOf(r, []byte(text), time.Now())
		require.True(t, ok)
		what, ok := txn.Of(r)
		require.True(t, ok)
		before := newItem(7, r, what, l, 1)
		after, err := itemOf(7, l.encode())
		require.NoError(t, err)
		assert.Equal(t, before.key, after.key)
		assert.Equal(t, before.lane(), after.lane())
	}
	r := put(t.Context(), t, "token", v3+"rooms/!r^:hs/send/m.x/a|b%7Cc?x=^", text)
	r.URL.Opaque = v3 + "rooms/!r^:hs/send/m.x/a|b%7Cc"
	l, ok := letterOf(r, []byte(text), time.Now())
	require.True(t, ok)
	again, err := l.request(t.Context())
	require.NoError(t, err)
	assert.Equal(t, r.URL, again.URL, "as the client wrote it")
	r = put(t.Context(), t, "token", send, text)
	r.URL.Host, r.URL.Path = "gate way", "no slash"
	_, ok = letterOf(r, nil, time.Now())
	assert.False(t, ok, "it would become another request")
}

func FuzzDecodeLetter(f *testing.F) {
	f.Add(letter{at: time.Unix(1, 2), url: "coap://gateway" + send, header: []headerLine{{0, "Bearer t"}}, body: []byte(text)}.encode())
	f.Add([]byte{letterVersion, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{letterVersion, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeLetter(b)
		if err != nil {
			return
		}
		again, err := decodeLetter(l.encode())
		require.NoError(t, err)
		assert.Equal(t, l, again)
		_, _ = itemOf(1, b)
	})
}

func TestRuling(t *testing.T) {
	for status, want := range map[int]ending{
		200: answered, 201: answered, 302: answered, 400: answered, 403: answered, 404: answered, 413: answered,
		401: tokenEnded, 429: limited, 408: retry, 425: retry, 502: retry, 503: retry, 504: retry, 522: retry,
		500: fault, 501: fault,
	} {
		assert.Equal(t, want, ruling(status), status)
	}
}

func TestRetryAfter(t *testing.T) {
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, tt := range []struct {
		header, body string
		want, within time.Duration
	}{
		{"", "", 0, 0},
		{"7", "", 7 * time.Second, 0},
		{"7", `{"retry_after_ms":9500}`, 9500 * time.Millisecond, 0},
		{"", `{"retry_after_ms":-1}`, 0, 0},
		{"", `{"retry_after_ms":1e300}`, maxRetryAfter, 0},
		{"99999999999", "", 0, 0},
		{"999999999", "", maxRetryAfter, 0},
		{"-1", "", 0, 0},
		{in(time.Minute), "", time.Minute, 2 * time.Second},
		{in(-time.Minute), "", 0, 0},
		{"soon", "[", 0, 0},
	} {
		got := retryAfter(http.Header{"Retry-After": {tt.header}}, []byte(tt.body))
		assert.InDelta(t, tt.want, got, float64(tt.within), "%+v", tt)
	}
}

// TestPauses: on every link pauses double from ACK_TIMEOUT up to an hour at most.
func TestPauses(t *testing.T) {
	for _, p := range append(link.Profiles(), link.Default()) {
		assert.GreaterOrEqual(t, pauseOf(p, 0), p.AckTimeout, p.Name)
		for n := range 40 {
			assert.LessOrEqual(t, pauseOf(p, n), pauseOf(p, n+1), p.Name)
			assert.LessOrEqual(t, pauseOf(p, n+1), 2*pauseOf(p, n), p.Name)
		}
		longest := pauseOf(p, 1000)
		assert.GreaterOrEqual(t, longest, leastLongest, p.Name)
		assert.LessOrEqual(t, longest, longestPause, p.Name)
	}
}
