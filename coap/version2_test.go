package coap_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/coder/train"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// shippedModel is unpacked once; otherModel is one that nobody ships.
var (
	shippedModel = sync.OnceValues(coder.Shipped)
	otherModel   = sync.OnceValues(func() (*coder.Model, error) {
		packed, err := train.Train(nil)
		if err != nil {
			return nil, err
		}
		return coder.Load(packed)
	})
)

// newVersion2 is what an end has with a model.
func newVersion2(t testing.TB, model func() (*coder.Model, error)) *coap.Version2 {
	t.Helper()
	m, err := model()
	require.NoError(t, err)
	return &coap.Version2{Format: wire2.NewFormat(m, 2), Home: func() string { return "example.org" }}
}

// say answers each request with what it was.
var say = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"event_id":"$MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8","saw":"`+r.Method+" "+r.RequestURI+" "+r.Header.Get("Authorization")+`","type":"`+r.Header.Get("Content-Type")+`"`)
	if len(body) > 0 {
		_, _ = io.WriteString(w, `,"body":`+string(body))
	}
	_, _ = io.WriteString(w, "}")
})

// options are those of the n-th message.
func (p *pair) options(t *testing.T, n int) endpoint.Options {
	t.Helper()
	m, err := endpoint.ParseMessage(bytes.Clone(p.sent()[n].data))
	require.NoError(t, err)
	return m.Options
}

const send = "/_matrix/client/v3/rooms/!PlPiL6wQs5xqqYGa:example.org/send/m.room.message/m1795328724548.1"

// TestVersion2: the first exchange agrees on it, without a turn more, and what follows
// is of version 2: no path, no query, no format, and a fraction of the bytes.
func TestVersion2(t *testing.T) {
	v := newVersion2(t, shippedModel)
	p := newPairOf(t, &coap.Server{Handler: say, Version2: v}, &coap.Transport{Version2: v})
	for i := range 3 {
		resp, got := p.do(t, "PUT", send, "tok", "application/json", `{"msgtype":"m.text","body":"hello"}`)
		assert.Equal(t, 200, resp.StatusCode)
		assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		assert.Equal(t, `{"event_id":"$MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8","saw":"PUT `+send+` Bearer tok","type":"application/json","body":{"msgtype":"m.text","body":"hello"}}`, got)
		assert.Len(t, p.sent(), 2*(i+1))
	}
	assert.True(t, p.options(t, 0).Has(coap.OptionOffer))
	assert.True(t, p.options(t, 0).Has(endpoint.URIPath), "the first request is of version 1")
	assert.True(t, p.options(t, 1).Has(coap.OptionOffer))
	for n := 2; n < 6; n++ {
		assert.Empty(t, p.options(t, n), "message %d has no options at all", n)
	}
	assert.Less(t, len(p.sent()[4].data), len(p.sent()[0].data)/3)
}

// TestVersion2Shapes: what is rare goes through as well.
func TestVersion2Shapes(t *testing.T) {
	v := newVersion2(t, shippedModel)
	answers := map[string]http.HandlerFunc{
		"/empty": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) },
		"/object": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{}")
		},
		"/204": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"/text": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "plain")
		},
		"/charset": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = io.WriteString(w, "[1]")
		},
		"/liar": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{no json")
		},
		"/limit": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
			_, _ = io.WriteString(w, `{"errcode":"M_LIMIT_EXCEEDED"}`)
		},
		"/503": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(503)
			_, _ = io.WriteString(w, "{}")
		},
		"/418": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(418)
			_, _ = io.WriteString(w, `{"a":1}`)
		},
		"/header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "/"+strings.Repeat("x", 300))
			_, _ = io.WriteString(w, `{"a":1}`)
		},
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := answers[r.URL.Path]; f != nil {
			f(w, r)
			return
		}
		say(w, r)
	})
	both := map[string]*pair{
		"version 1": newPairOf(t, &coap.Server{Handler: handler}, &coap.Transport{}),
		"version 2": newPairOf(t, &coap.Server{Handler: handler, Version2: v}, &coap.Transport{Version2: v}),
	}
	type request struct{ method, target, contentType, body string }
	requests := []request{
		{"GET", "/_matrix/client/v3/sync?since=s1_2&filter=%7B%22a%22:1%7D", "", ""},
		{"DELETE", "/_matrix/client/v3/devices/ABC", "application/json", `{"auth":{"type":"m.login.password","password":"secret"}}`},
		{"DELETE", "/_matrix/client/v3/room_keys/keys?version=1", "", ""},
		{"POST", "/_matrix/client/v3/logout", "", ""},
		{"POST", "/_matrix/media/v3/upload?filename=x", "image/png", "not a picture"},
		{"PUT", "/x/", "application/json; charset=utf-8", `[1.0,1e3,"\u00e4"]`},
		{"PATCH", "/x//y", "", `{"a":[]}`},
		{"POST", "/", "text/plain", "text at the root"},
		{"HEAD", "/object", "", ""},
	}
	for path := range answers {
		requests = append(requests, request{"GET", path, "", ""})
	}
	for _, r := range requests {
		for range 2 { // the first request of all is of version 1
			var seen [2]string
			for i, name := range []string{"version 1", "version 2"} {
				resp, got := both[name].do(t, r.method, r.target, "tok", r.contentType, r.body)
				resp.Header.Del("Date")
				var header bytes.Buffer
				require.NoError(t, resp.Header.Write(&header))
				seen[i] = resp.Status + "\n" + header.String() + "\n" + got
			}
			assert.Equal(t, seen[0], seen[1], "%s %s", r.method, r.target)
		}
	}
}

// TestVersion2Users: each request is that of its user, who never shares a word.
func TestVersion2Users(t *testing.T) {
	v := newVersion2(t, shippedModel)
	p := newPairOf(t, &coap.Server{Handler: say, Version2: v}, &coap.Transport{Version2: v})
	var all sync.WaitGroup
	for _, token := range []string{"", "one", "two", "three"} {
		all.Go(func() {
			for range 20 {
				_, got := p.do(t, "PUT", send, token, "application/json", `{"body":"of `+token+`"}`)
				want := `Bearer ` + token + `"`
				if token == "" {
					want = send + ` "`
				}
				assert.Contains(t, got, want)
				assert.Contains(t, got, `{"body":"of `+token+`"}`)
			}
		})
	}
	all.Wait()
}

// TestVersion2Fallback: without a format in common everything is of version 1, and each
// end that has one says so once.
func TestVersion2Fallback(t *testing.T) {
	shipped, other := newVersion2(t, shippedModel), newVersion2(t, otherModel)
	for _, c := range []struct {
		name      string
		near, far *coap.Version2
		lines     int // of log, at each end
	}{
		{"only the client", shipped, nil, 0},
		{"only the server", nil, shipped, 0},
		{"another format", shipped, other, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var near, far lockedBuffer
			p := newPairOf(t,
				&coap.Server{Handler: say, Version2: c.far, Log: slog.New(slog.NewTextHandler(&far, nil))},
				&coap.Transport{Version2: c.near, Log: slog.New(slog.NewTextHandler(&near, nil))})
			for range 3 {
				_, got := p.do(t, "PUT", send, "tok", "application/json", `{"body":"hello"}`)
				assert.Contains(t, got, `"body":{"body":"hello"}`)
			}
			for n := 0; n < 6; n += 2 {
				assert.True(t, p.options(t, n).Has(endpoint.URIPath))
			}
			assert.Equal(t, c.lines, strings.Count(near.String(), "wire version 2"), near.String())
			assert.Equal(t, c.lines, strings.Count(far.String(), "wire version 2"), far.String())
			assert.False(t, p.options(t, 4).Has(coap.OptionOffer), "nothing is offered twice")
		})
	}
}

// TestVersion2Older: an end that has a newer format and one that has not agree on the older
// one, whichever end that is.
func TestVersion2Older(t *testing.T) {
	for _, newer := range []string{"client", "server"} {
		t.Run(newer, func(t *testing.T) {
			old := newVersion2(t, otherModel)
			both := newVersion2(t, shippedModel)
			both.Older = []*wire2.Format{newVersion2(t, otherModel).Format}
			near, far := both, old
			if newer == "server" {
				near, far = old, both
			}
			p := newPairOf(t, &coap.Server{Handler: say, Version2: far}, &coap.Transport{Version2: near})
			for range 3 {
				_, got := p.do(t, "PUT", send, "tok", "application/json", `{"body":"hello"}`)
				assert.Contains(t, got, `"body":{"body":"hello"}`)
			}
			assert.Empty(t, p.options(t, 4), "version 2")
			id := old.Format.ID()
			answer, _ := p.options(t, 1).Get(coap.OptionOffer)
			assert.Equal(t, id[:], answer[1:5])
		})
	}
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestVersion2Restart: after a restart of either end, or of both, the first request takes
// one exchange more at most, is executed once, and everything goes on in version 2.
func TestVersion2Restart(t *testing.T) {
	var mu sync.Mutex
	executed := 0
	l := &lives{t: t, near: newVersion2(t, shippedModel), far: newVersion2(t, shippedModel), handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		executed++
		mu.Unlock()
		say(w, r)
	})}
	t.Cleanup(l.stop)
	l.restart()
	// ask makes a request and returns the messages that it took.
	ask := func() []message {
		t.Helper()
		l.mu.Lock()
		l.messages = nil
		l.mu.Unlock()
		_, got := (&pair{Transport: l.transport}).do(t, "PUT", send, "tok", "application/json", `{"body":"hello"}`)
		require.Contains(t, got, `"saw":"PUT `+send+` Bearer tok"`)
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.messages
	}
	hasPath := func(messages []message) bool {
		m, err := endpoint.ParseMessage(bytes.Clone(messages[0].data))
		require.NoError(t, err)
		return m.Options.Has(endpoint.URIPath)
	}
	for range 4 {
		ask()
	}
	for life := range 3 {
		l.restart()
		assert.LessOrEqual(t, len(ask()), 4, "life %d", life)
		for range 2 {
			messages := ask()
			assert.Len(t, messages, 2)
			assert.False(t, hasPath(messages), "still version 2")
		}
	}
	mu.Lock()
	assert.Equal(t, 4+3*3, executed)
	mu.Unlock()

	// The server comes back as another program: the session goes on in version 1.
	l.far = newVersion2(t, otherModel)
	l.restart()
	assert.LessOrEqual(t, len(ask()), 4)
	messages := ask()
	assert.Len(t, messages, 2)
	assert.True(t, hasPath(messages))
	// And as the first one again, when the client is new too.
	l.far = newVersion2(t, shippedModel)
	l.restart()
	ask()
	assert.False(t, hasPath(ask()), "version 2 again")
}
