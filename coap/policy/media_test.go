package policy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const (
	upload   = "/_matrix/media/v3/upload"
	download = "/_matrix/client/v1/media/download/hs/x"
)

func assertTooLarge(t *testing.T, resp *http.Response, text, says string) {
	t.Helper()
	assert.Equal(t, 413, resp.StatusCode)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	var e struct{ ErrCode, Error string }
	require.NoError(t, json.Unmarshal([]byte(text), &e))
	assert.Equal(t, "M_TOO_LARGE", e.ErrCode)
	assert.Equal(t, says, e.Error)
}

// TestUpload: a file that is too large for the link does not get on it.
func TestUpload(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		for _, target := range []string{upload, "/_matrix/media/v3/upload/hs/x"} {
			resp, text := ask(t, tr, "POST", target, "a", strings.Repeat("x", 33_001))
			assertTooLarge(t, resp, text, "a file of 33 kB is more than the 33 kB that may cross the link hf-vara500 (about 300 bit/s)")
			assert.Empty(t, b.take())
			resp, _ = ask(t, tr, "POST", target, "a", strings.Repeat("x", 33_000))
			assert.Equal(t, 200, resp.StatusCode)
			assert.Len(t, b.take(), 1)
		}
		_, _, err := try(t, unknownLength{tr}, "POST", upload, "a", strings.Repeat("x", 33_001))
		assert.ErrorContains(t, err, "a file is more than")
		_, _, err = try(t, unknownLength{tr}, "POST", upload, "a", strings.Repeat("x", 33_000))
		assert.NoError(t, err)
	})
	for name, change := range map[string]func(*Transport){
		"off": func(tr *Transport) { tr.Off = true }, "no limit": func(tr *Transport) { tr.Upload = -1 },
		"another limit": func(tr *Transport) { tr.Upload = 33_001 }, "fast": over(t, "bgan"),
	} {
		inWorld(t, b, func(t *testing.T, tr *Transport) {
			resp, _ := ask(t, tr, "POST", upload, "a", strings.Repeat("x", 33_001))
			assert.Equal(t, 200, resp.StatusCode, name)
		}, change)
	}
}

type unknownLength struct{ http.RoundTripper }

func (u unknownLength) RoundTrip(r *http.Request) (*http.Response, error) {
	r.ContentLength = -1
	return u.RoundTripper.RoundTrip(r)
}

// TestDownload: the far side refuses what is too large; where it does not know how,
// this side does when it learns the length.
func TestDownload(t *testing.T) {
	size, unknown := 33_001, false
	b := &base{answer: func(*http.Request, string) *http.Response {
		f := file(size)
		if unknown {
			f.ContentLength = -1
		}
		return f
	}}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		resp, text := ask(t, tr, "GET", download, "a", "")
		assertTooLarge(t, resp, text, "a file of 33 kB is more than the 33 kB that may cross the link hf-vara500 (about 300 bit/s)")
		assert.Empty(t, b.header()["Prefer"], "the usual limit need not be said")
		unknown = true
		_, _, err := try(t, tr, "GET", download, "a", "")
		assert.ErrorContains(t, err, "more than the 33 kB")
		size = 33_000
		for range 2 {
			_, text, err := try(t, tr, "GET", download, "a", "")
			require.NoError(t, err)
			assert.Len(t, text, size)
		}
	})
	size, unknown = 40_000, false
	for name, tt := range map[string]struct {
		change func(*Transport)
		prefer string
	}{
		"off":           {func(tr *Transport) { tr.Off = true }, "media=0"},
		"no limit":      {func(tr *Transport) { tr.Download = -1 }, "media=0"},
		"another limit": {func(tr *Transport) { tr.Download = 40_000 }, "media=40000"},
		"fast":          {over(t, "bgan"), ""},
	} {
		inWorld(t, b, func(t *testing.T, tr *Transport) {
			resp, _ := ask(t, tr, "GET", download, "a", "")
			assert.Equal(t, 200, resp.StatusCode, name)
			assert.Equal(t, tt.prefer, b.header().Get("Prefer"), name)
		}, tt.change)
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{999: "999 bytes", 8400: "8 kB", 1_550_000: "1.5 MB", 25_000_000: "25 MB"} {
		assert.Equal(t, want, bytesText(n))
	}
}

// TestPrefer: a first sync says so when it is to be whole, and only then.
func TestPrefer(t *testing.T) {
	const full = v3 + "sync?since=s1&full_state=true"
	for name, tt := range map[string]struct {
		change               func(*Transport)
		first, full, ongoing string
	}{
		"by default": {func(*Transport) {}, "", "", ""},
		"whole":      {func(tr *Transport) { tr.WholeSync = true }, "sync=whole", "sync=whole", ""},
		"off":        {func(tr *Transport) { tr.Off = true }, "sync=whole", "sync=whole", ""},
		"moderate":   {func(tr *Transport) { tr.WholeSync = true; over(t, "gprs")(tr) }, "sync=whole", "", ""},
		"fast":       {func(tr *Transport) { tr.WholeSync = true; over(t, "bgan")(tr) }, "", "", ""},
	} {
		b := &base{}
		inWorld(t, b, func(t *testing.T, tr *Transport) {
			for target, want := range map[string]string{sync3: tt.first, full: tt.full, v3 + "sync?since=s1": tt.ongoing, v3 + "joined_rooms": ""} {
				ask(t, tr, "GET", target, "a", "")
				assert.Equal(t, want, b.header().Get("Prefer"), "%s %s", name, target)
			}
			if tt.first != "" {
				ask(t, tr, "GET", sync3, "a", "", "Prefer", "wait=5")
				assert.Equal(t, "wait=5, "+tt.first, b.header().Get("Prefer"))
			}
		}, tt.change)
	}
}

func TestReadPreferences(t *testing.T) {
	for _, tt := range []struct {
		in, out []string
		want    Preferences
	}{
		{nil, nil, Preferences{}},
		{[]string{"sync=whole"}, nil, Preferences{WholeSync: true}},
		{[]string{"media=5, sync=whole"}, nil, Preferences{WholeSync: true, Download: 5, HasDownload: true}},
		{[]string{"media=0"}, nil, Preferences{HasDownload: true}},
		{[]string{"wait=5, media=7", "respond-async"}, []string{"wait=5, respond-async"}, Preferences{Download: 7, HasDownload: true}},
		{[]string{"media=-1, sync=half,, media=99999999999999999999"}, []string{"media=-1, sync=half, media=99999999999999999999"}, Preferences{}},
	} {
		h := http.Header{}
		if tt.in != nil {
			h["Prefer"] = tt.in
		}
		assert.Equal(t, tt.want, ReadPreferences(h), tt.in)
		assert.Equal(t, tt.out, []string(h["Prefer"]), tt.in)
	}
}

func TestCutFilter(t *testing.T) {
	for _, tt := range []struct {
		filter string
		events int
		want   string
	}{
		{``, 3, `{"room":{"timeline":{"limit":3}},"presence":{"not_types":["*"]}}`},
		{`{}`, 3, `{"room":{"timeline":{"limit":3}},"presence":{"not_types":["*"]}}`},
		{`{"room":null,"presence":null}`, 3, `{"room":{"timeline":{"limit":3}},"presence":{"not_types":["*"]}}`},
		{`{"room":{"timeline":{"limit":50,"types":["m.room.message"]},"state":{"lazy_load_members":true},"rooms":["!a"]},"event_fields":["x"],"presence":{"senders":["@a"]},"n":9007199254740993}`, 5,
			`{"room":{"timeline":{"limit":5,"types":["m.room.message"]},"state":{"lazy_load_members":true},"rooms":["!a"]},"event_fields":["x"],"presence":{"senders":["@a"],"not_types":["*"]},"n":9007199254740993}`},
		{`{"room":{"timeline":{"limit":2}}}`, 3, `{"room":{"timeline":{"limit":2}},"presence":{"not_types":["*"]}}`},
		{`{"room":{"timeline":{"limit":2}},"presence":{"not_types":["a","*"]}}`, 3, ``},
		{`{"room":{"timeline":{"limit":2}},"presence":{"types":[]}}`, 3, ``},
		{`{"room":{"timeline":{"limit":0}},"presence":{"types":["m.presence"]}}`, 3, `{"room":{"timeline":{"limit":0}},"presence":{"types":["m.presence"],"not_types":["*"]}}`},
		{`{"room":[]}`, 3, ``}, {`{"room":{"timeline":1}}`, 3, ``}, {`{"presence":"x"}`, 3, ``}, {`null`, 3, ``}, {`[]`, 3, ``}, {`{`, 3, ``},
		{`{"room":{"timeline":{"limit":"x"}}}`, 3, ``}, {`{"room":{"timeline":{"limit":1e99}}}`, 3, ``},
	} {
		cut, ok := CutFilter([]byte(tt.filter), tt.events)
		assert.Equal(t, tt.want != "", ok, tt.filter)
		if ok {
			assert.JSONEq(t, tt.want, string(cut))
		}
	}
}

// FuzzCutFilter: what comes out is a filter that is cut, and cutting it again changes
// nothing.
func FuzzCutFilter(f *testing.F) {
	f.Add([]byte(`{"room":{"timeline":{"limit":50},"state":{"lazy_load_members":true}}}`), 3)
	f.Add([]byte(`{"presence":{"types":null,"not_types":null}}`), 1)
	f.Fuzz(func(t *testing.T, filter []byte, events int) {
		if events < 1 || events > 1000 {
			return
		}
		cut, ok := CutFilter(filter, events)
		if !ok {
			return
		}
		require.True(t, json.Valid(cut))
		_, again := CutFilter(cut, events)
		require.False(t, again, "%s", cut)
	})
}

// TestKeysApart: no two users, paths or queries share a key, whatever is in them.
func TestKeysApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ask := func(name string) (*call, string) {
			token := rapid.StringMatching(`[a-b]{1,2}`).Draw(t, name+" token")
			path := rapid.SampledFrom([]string{"/a", "/a%2Fb", "/a/b", "/a%3Fx"}).Draw(t, name+" path")
			query := rapid.SampledFrom([]string{"", "x=1", "x=1&y=2", "y=2&x=1", "x=1%26y=2"}).Draw(t, name+" query")
			r, err := http.NewRequest("GET", "http://hs"+path+"?"+query, nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
			c, ok := read(r)
			require.True(t, ok)
			return &c, token + " " + path + " " + query
		}
		a, what := ask("first")
		b, other := ask("second")
		require.Equal(t, what == other, a.key() == b.key())
	})
}

// FuzzReadPreferences: what is read is in bounds, and is taken out.
func FuzzReadPreferences(f *testing.F) {
	f.Add("sync=whole, media=5")
	f.Add("media=-1,,wait=5")
	f.Fuzz(func(t *testing.T, field string) {
		h := http.Header{"Prefer": {field}}
		p := ReadPreferences(h)
		require.GreaterOrEqual(t, p.Download, int64(0))
		again := ReadPreferences(h)
		require.Equal(t, Preferences{}, again, "%q", h["Prefer"])
	})
}
