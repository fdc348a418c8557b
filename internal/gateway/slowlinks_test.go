package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// slowWorld is a client, a pair over a slow link and a homeserver.
type slowWorld struct {
	t       *testing.T
	hs      *fakehs.Server
	connect http.Handler

	mu sync.Mutex
	// seen are what the homeserver was asked, as "METHOD path?query".
	seen []string
	// larger has the homeserver answer these paths with images of that length.
	larger map[string]int
	closed int
}

// RoundTrip is the homeserver.
func (w *slowWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	assert.Empty(w.t, r.Header["Prefer"], "preferences are not for the homeserver")
	w.mu.Lock()
	w.seen = append(w.seen, r.Method+" "+r.URL.RequestURI())
	size, own := w.larger[r.URL.Path]
	w.mu.Unlock()
	if own {
		return &http.Response{
			StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"image/png"}},
			Body: &countedBody{bytes.NewReader(make([]byte, size)), w}, ContentLength: int64(size), Request: r,
		}, nil
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	w.hs.ServeHTTP(rec, r)
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

type countedBody struct {
	io.Reader
	w *slowWorld
}

func (b *countedBody) Close() error {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.w.closed++
	return nil
}

func (w *slowWorld) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen
	w.seen = nil
	return s
}

// inSlowWorld runs f in virtual time.
func inSlowWorld(t *testing.T, profile string, does *SlowLinks, client func(*policy.Transport), f func(*slowWorld)) {
	t.Helper()
	p, ok := link.ByName(profile)
	require.True(t, ok)
	synctest.Test(t, func(t *testing.T) {
		l := linkemu.New(linkemu.Config{})
		t.Cleanup(func() { l.Close() })
		w := &slowWorld{t: t, hs: fakehs.New(fakehs.Config{Seed: 1}), larger: map[string]int{}}
		serve := NewServe(ServeOptions{Homeserver: &url.URL{Scheme: "http", Host: "hs", Path: "/base"}, Transport: unbased{w}, SlowLinks: does})
		t.Cleanup(serve.Close)
		runStation(t, &Station{Handler: serve, Profile: link.Default()}, l.Listen())
		d := &Dialer{Routes: emulatedRoute(l, "192.0.2.1:1"), Profile: p}
		transport := &coap.Transport{Dial: d.Dial, Profile: p}
		t.Cleanup(func() { transport.Close() })
		thrift := &policy.Transport{Base: transport, Profile: p}
		if client != nil {
			client(thrift)
		}
		t.Cleanup(func() { thrift.Close() })
		w.connect = NewConnect(ConnectOptions{Transport: thrift})
		f(w)
	})
}

// unbased takes the path of the homeserver's base URL away.
type unbased struct{ http.RoundTripper }

func (u unbased) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.URL.Path = strings.TrimPrefix(r.URL.Path, "/base")
	inner.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, "/base")
	if inner.URL.Path == r.URL.Path {
		return nil, fmt.Errorf("not below the base: %s", r.URL)
	}
	return u.RoundTripper.RoundTrip(inner)
}

// do sends a request of a client and returns the answer.
func (w *slowWorld) do(method, target, token, body string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := inprocess.NewRequest(w.t.Context(), method, target, token, body)
	rec := httptest.NewRecorder()
	w.connect.ServeHTTP(rec, r)
	return rec
}

// want sends a request that must be answered 200.
func (w *slowWorld) want(method, target, token, body string) map[string]any {
	w.t.Helper()
	rec := w.do(method, target, token, body)
	require.Equal(w.t, 200, rec.Code, "%s %s: %s", method, target, rec.Body)
	var out map[string]any
	require.NoError(w.t, json.Unmarshal(rec.Body.Bytes(), &out))
	return out
}

const v3 = "/_matrix/client/v3"

// register returns a new user's token and id.
func (w *slowWorld) register(name string) (token, id string) {
	out := w.want("POST", v3+"/register", "", `{"username":"`+name+`","password":"pass word 1","auth":{"type":"m.login.dummy"}}`)
	return out["access_token"].(string), out["user_id"].(string)
}

// room returns an encrypted room of n people with 20 messages, and the token of the
// one who made it.
func (w *slowWorld) room(n int) (token, room string, members []string) {
	token, id := w.register("alice")
	members = []string{id}
	room = w.want("POST", v3+"/createRoom", token, `{"preset":"public_chat","initial_state":[{"type":"m.room.encryption","content":{"algorithm":"m.megolm.v1.aes-sha2"}}]}`)["room_id"].(string)
	for i := range n - 1 {
		other, id := w.register(fmt.Sprint("user", i))
		w.want("POST", v3+"/join/"+url.PathEscape(room), other, "{}")
		members = append(members, id)
	}
	for i := range 20 {
		w.want("PUT", fmt.Sprintf("%s/rooms/%s/send/m.room.message/t%d", v3, url.PathEscape(room), i), token, `{"msgtype":"m.text","body":"hello"}`)
	}
	slices.Sort(members)
	w.take()
	return token, room, members
}

// joined is what a /sync says of a room.
type joined struct {
	Timeline struct {
		Events  []struct{ Type string }
		Limited bool
		Prev    string `json:"prev_batch"`
	}
	State struct {
		Events []struct {
			Type string
			Key  string `json:"state_key"`
		}
	}
}

func (w *slowWorld) sync(token, query string) (room joined, next string, presence bool) {
	w.t.Helper()
	rec := w.do("GET", v3+"/sync?"+query, token, "")
	require.Equal(w.t, 200, rec.Code, rec.Body)
	var out struct {
		Next     string `json:"next_batch"`
		Presence *struct{ Events []any }
		Rooms    struct{ Join map[string]joined }
	}
	require.NoError(w.t, json.Unmarshal(rec.Body.Bytes(), &out))
	for _, room = range out.Rooms.Join {
	}
	return room, out.Next, out.Presence != nil
}

// members are those whose membership a client knows from an answer.
func (j joined) members() (m []string) {
	for _, e := range j.State.Events {
		if e.Type == "m.room.member" {
			m = append(m, e.Key)
		}
	}
	slices.Sort(m)
	return m
}

// TestFirstSync: over a slow link a first sync has less of the timeline, says so, and has
// every member, so that a client that does not load lazily encrypts for all of them.
func TestFirstSync(t *testing.T) {
	inSlowWorld(t, "hf-vara500", &SlowLinks{}, nil, func(w *slowWorld) {
		token, room, members := w.room(12)
		short, next, presence := w.sync(token, "timeout=0")
		assert.Len(t, short.Timeline.Events, 3)
		assert.True(t, short.Timeline.Limited)
		assert.NotEmpty(t, short.Timeline.Prev)
		assert.Equal(t, members, short.members())
		assert.False(t, presence)
		seen := w.take()
		require.Len(t, seen, 1)
		assert.Contains(t, seen[0], "timeout=0")

		// The rest is there when it is asked for.
		older := w.want("GET", fmt.Sprintf("%s/rooms/%s/messages?dir=b&limit=30&from=%s", v3, url.PathEscape(room), short.Timeline.Prev), token, "")
		messages := 0
		for _, e := range older["chunk"].([]any) {
			if e.(map[string]any)["type"] == "m.room.message" {
				messages++
			}
		}
		assert.Equal(t, 17, messages)
		// What follows is as the client's own filter says.
		for i := range 8 {
			w.want("PUT", fmt.Sprintf("%s/rooms/%s/send/m.room.message/n%d", v3, url.PathEscape(room), i), token, `{"body":"x"}`)
		}
		w.take()
		following, _, _ := w.sync(token, "timeout=0&since="+next)
		assert.Len(t, following.Timeline.Events, 8)
		assert.Equal(t, []string{"GET " + v3 + "/sync?timeout=0&since=" + next}, w.take())
	})
}

// TestFirstSyncFilters: the client's own filter holds in all but what is cut.
func TestFirstSyncFilters(t *testing.T) {
	const own = `{"room":{"timeline":{"limit":15},"state":{"lazy_load_members":true}}}`
	inSlowWorld(t, "hf-s5066-75", &SlowLinks{}, nil, func(w *slowWorld) {
		token, _, members := w.room(12)
		lazy, _, _ := w.sync(token, "filter="+url.QueryEscape(own))
		assert.Len(t, lazy.Timeline.Events, 1)
		assert.Less(t, len(lazy.members()), len(members), "lazily, as it asks for")
		w.take()

		id := w.want("POST", v3+"/user/"+url.PathEscape(members[0])+"/filter", token, own)["filter_id"].(string)
		w.take()
		for range 3 {
			byID, _, _ := w.sync(token, "filter="+id+"&timeout=0")
			assert.Equal(t, lazy, byID)
		}
		seen := w.take()
		require.Len(t, seen, 5, "the filter is looked up once")
		assert.Equal(t, "GET "+v3+"/account/whoami", seen[0])
		assert.Equal(t, "GET "+v3+"/user/"+url.PathEscape(members[0])+"/filter/"+id, strings.ReplaceAll(seen[1], "%40", "@"))

		// Another user has another filter by that name, or none.
		other, _ := w.register("mallory")
		w.take()
		rec := w.do("GET", v3+"/sync?filter="+id, other, "")
		assert.Equal(t, 404, rec.Code, "the homeserver says what is wrong")
		rec = w.do("GET", v3+"/sync?filter="+id, "nonsense", "")
		assert.Equal(t, 401, rec.Code)
		for _, filter := range []string{"{", `{"room":5}`, `{"room":{"timeline":{"limit":1,"x":"` + strings.Repeat("y", maxFilterQuery) + `"}}}`} {
			w.take()
			w.do("GET", v3+"/sync?filter="+url.QueryEscape(filter), token, "")
			assert.Equal(t, []string{"GET " + v3 + "/sync?filter=" + url.QueryEscape(filter)}, w.take(), "it goes as it is")
		}
		// full_state: more of it than at first.
		full, _, _ := w.sync(token, "since=s0_0_0&full_state=true")
		assert.NotEmpty(t, full.State.Events)
		assert.LessOrEqual(t, len(full.Timeline.Events), 5)
	})
}

// TestFirstSyncWhole: either end can have it whole.
func TestFirstSyncWhole(t *testing.T) {
	for name, tt := range map[string]struct {
		profile string
		does    *SlowLinks
		client  func(*policy.Transport)
		want    int
	}{
		"by default":         {"hf-vara500", &SlowLinks{}, nil, 3},
		"a faster link":      {"gprs", &SlowLinks{}, nil, 5},
		"a fast link":        {"bgan", &SlowLinks{}, nil, 10},
		"nothing is done":    {"hf-vara500", nil, nil, 10},
		"the server's side":  {"hf-vara500", &SlowLinks{WholeSync: true}, nil, 10},
		"the client's side":  {"hf-vara500", &SlowLinks{}, func(p *policy.Transport) { p.WholeSync = true }, 10},
		"the client, no one": {"hf-vara500", nil, func(p *policy.Transport) { p.WholeSync = true }, 10},
		"no policy":          {"hf-vara500", &SlowLinks{}, func(p *policy.Transport) { p.Off = true }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			inSlowWorld(t, tt.profile, tt.does, tt.client, func(w *slowWorld) {
				token, _, members := w.room(3)
				room, _, _ := w.sync(token, "")
				assert.Len(t, room.Timeline.Events, tt.want)
				assert.Equal(t, members, room.members())
			})
		})
	}
}

// TestFilterMemory: the memory of filters is bounded.
func TestFilterMemory(t *testing.T) {
	var f filters
	for i := range 3 * maxFilters {
		f.put([32]byte{byte(i), byte(i >> 8)}, []byte("{}"))
		_, ok := f.get([32]byte{byte(i), byte(i >> 8)})
		assert.True(t, ok)
	}
	assert.Len(t, f.byID, maxFilters)
}

// TestLargeDownload: what is too large for the link does not get on it.
func TestLargeDownload(t *testing.T) {
	const image, thumbnail = "/_matrix/client/v1/media/download/hs/abc", "/_matrix/client/v1/media/thumbnail/hs/abc"
	for name, tt := range map[string]struct {
		profile  string
		does     *SlowLinks
		client   func(*policy.Transport)
		small    int // of the thumbnail
		status   int
		received int
		asked    []string
	}{
		"too large":        {"hf-vara500", &SlowLinks{}, nil, 900, 413, 0, []string{image}},
		"thumbnail":        {"hf-vara500", &SlowLinks{Thumbnails: true}, nil, 900, 200, 900, []string{image, thumbnail + "?width=320&height=240&method=scale"}},
		"large thumbnail":  {"hf-vara500", &SlowLinks{Thumbnails: true}, nil, 33_001, 413, 0, []string{image, thumbnail + "?width=320&height=240&method=scale"}},
		"no thumbnail":     {"hf-vara500", &SlowLinks{Thumbnails: true}, nil, 0, 413, 0, []string{image, thumbnail + "?width=320&height=240&method=scale"}},
		"fast":             {"bgan", &SlowLinks{}, nil, 0, 200, 40_000, []string{image}},
		"any size":         {"hf-vara500", &SlowLinks{AnySize: true}, func(p *policy.Transport) { p.Download = -1 }, 0, 200, 40_000, []string{image}},
		"the client alone": {"hf-vara500", &SlowLinks{}, func(p *policy.Transport) { p.Download = -1 }, 0, 200, 40_000, []string{image}},
		"a limit of its":   {"hf-vara500", &SlowLinks{AnySize: true}, func(p *policy.Transport) { p.Download = 39_999 }, 0, 413, 0, []string{image}},
		"off":              {"hf-vara500", &SlowLinks{}, func(p *policy.Transport) { p.Off = true }, 0, 200, 40_000, []string{image}},
	} {
		t.Run(name, func(t *testing.T) {
			inSlowWorld(t, tt.profile, tt.does, tt.client, func(w *slowWorld) {
				w.larger[image] = 40_000
				if tt.small > 0 {
					w.larger[thumbnail] = tt.small
				}
				rec := w.do("GET", image, "tok", "")
				assert.Equal(t, tt.status, rec.Code)
				var asked []string
				for _, s := range w.take() {
					asked = append(asked, strings.TrimPrefix(s, "GET "))
				}
				assert.Equal(t, tt.asked, asked)
				if tt.status != 200 {
					assert.Contains(t, rec.Body.String(), `"errcode":"M_TOO_LARGE"`)
					assert.Contains(t, rec.Body.String(), "40 kB is more than the 3")
				} else {
					assert.Equal(t, tt.received, rec.Body.Len())
				}
				synctest.Wait()
				assert.Positive(t, w.closed, "the homeserver's answer is let go of")
				if tt.received == 900 {
					w.do("GET", image, "tok", "")
					assert.NotEmpty(t, w.take(), "a thumbnail is never kept for the image")
				}
			})
		})
	}
}

// TestOwnQuestionsReachNoOtherHost: what is asked for a peer goes to the homeserver too where
// its operator lets every path pass.
func TestOwnQuestionsReachNoOtherHost(t *testing.T) {
	var asked []string
	s := &slowLinks{does: &SlowLinks{Thumbnails: true}, base: roundTripper(func(r *http.Request) (*http.Response, error) {
		assert.Equal(t, "hs", r.URL.Host)
		assert.Empty(t, r.Host)
		asked = append(asked, r.URL.RequestURI())
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"user_id":"@a:hs"}`)), ContentLength: 19, Request: r}, nil
	})}
	hf, _ := link.ByName("hf-vara500")
	for _, before := range []string{"//elsewhere", "/http://elsewhere", "//elsewhere%2Fx", "/@elsewhere", "/a%2F..", ""} {
		asked = nil
		r := request(t, http.MethodGet, "http://hs"+before+"/_matrix/client/v3/sync?filter=1", nil)
		s.shorten(r, coap.Peer{Link: hf})
		r = request(t, http.MethodGet, "http://hs"+before+"/_matrix/client/v1/media/download/hs/a%2Fb", nil)
		require.NotNil(t, s.thumbnail(r, 100))
		require.Len(t, asked, 3, before)
		assert.Equal(t, before+"/_matrix/client/v3/account/whoami", strings.TrimSuffix(strings.TrimPrefix(asked[0], "http://hs"), "?"))
		assert.Equal(t, before+"/_matrix/client/v1/media/thumbnail/hs/a%2Fb?width=320&height=240&method=scale", strings.TrimPrefix(asked[2], "http://hs"))
		s.filters = filters{}
	}
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestFromOffset: a homeserver that knows no ranges is one that does, for those behind
// slow links.
func TestFromOffset(t *testing.T) {
	const body = "0123456789"
	for _, tt := range []struct {
		header  string
		ifRange string
		length  int64
		status  int
		want    string
		about   string
	}{
		{"bytes=3-", "", 10, 206, "3456789", "bytes 3-9/10"},
		{"bytes=9-", "", 10, 206, "9", "bytes 9-9/10"},
		{"bytes=10-", "", 10, 200, body, ""},
		{"bytes=0-", "", 10, 200, body, ""},
		{"bytes=-3", "", 10, 200, body, ""},
		{"bytes=1-2", "", 10, 200, body, ""},
		{"bytes=1-,3-", "", 10, 200, body, ""},
		{"lines=1-", "", 10, 200, body, ""},
		{"bytes=99999999999999999999-", "", 10, 200, body, ""},
		{"bytes=3-", "x", 10, 200, body, ""},
		{"bytes=3-", "", -1, 200, body, ""},
		{"", "", 10, 200, body, ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Range", tt.header)
		if tt.ifRange != "" {
			r.Header.Set("If-Range", tt.ifRange)
		}
		resp, err := fromOffset(r, &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: tt.length, Body: io.NopCloser(strings.NewReader(body))})
		require.NoError(t, err)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, tt.status, resp.StatusCode, tt)
		assert.Equal(t, tt.want, string(got), tt)
		assert.Equal(t, tt.about, resp.Header.Get("Content-Range"), tt)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Range", "bytes=30-")
	_, err := fromOffset(r, &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: 40, Body: io.NopCloser(strings.NewReader(body))})
	assert.Error(t, err)
}
