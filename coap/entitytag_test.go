package coap_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

const capabilities = "/_matrix/client/v3/capabilities"

// revalidate asks whether an answer still holds.
func revalidate(t *testing.T, p *pair, target, validator string) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://link"+target, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer tok")
	r.Header.Set("If-None-Match", validator)
	resp, err := p.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(got)
}

// TestEntityTag: a client asks whether what it has still holds, in either version. The
// homeserver's white space and escapes do not reach the client, and do not matter.
func TestEntityTag(t *testing.T) {
	const first = "{\n  \"capabilities\": {\"m.change_password\": {\"enabled\": true}, \"x\": \"caf\\u00e9 \\/\"},\n  \"n\": [1.0, 1e3, 9007199254740993]}"
	versions := map[string]*coap.Version2{"version 1": nil, "version 2": newVersion2(t, shippedModel)}
	for name, v := range versions {
		t.Run(name, func(t *testing.T) {
			body, asked := first, http.Header(nil)
			p := newPairOf(t, &coap.Server{Version2: v, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.Header
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Etag", `"the homeserver's"`)
				_, _ = io.WriteString(w, body)
			})}, &coap.Transport{Version2: v})
			p.do(t, "GET", "/_matrix/client/versions", "tok", "", "") // the two meet
			resp, got := p.do(t, "GET", capabilities, "tok", "", "")
			for n := 2; n < 4; n++ {
				assert.False(t, p.options(t, n).Has(endpoint.ETag), "the first answer needs no tag")
			}
			validator, ok := coap.EntityTag(resp.Header.Get("Content-Type"), []byte(got))
			require.True(t, ok)

			status, header, again := revalidate(t, p, capabilities, validator)
			assert.Equal(t, http.StatusNotModified, status)
			assert.Empty(t, again)
			assert.Equal(t, http.Header{"Etag": {`"the homeserver's"`}}, header, "its headers go along as with any answer")
			assert.Empty(t, asked.Values("If-None-Match"), "the homeserver has no tag of ours")
			tag, ok := p.options(t, 4).Get(endpoint.ETag)
			require.True(t, ok)
			assert.Len(t, tag, 4)
			assert.Equal(t, len(p.sent()[2].data)+5, len(p.sent()[4].data), "what the question costs")

			body = `{"capabilities":{}}`
			status, header, again = revalidate(t, p, capabilities, validator)
			assert.Equal(t, http.StatusOK, status)
			assert.Equal(t, body, again)
			assert.Equal(t, "application/json", header.Get("Content-Type"))
		})
	}
}

// TestForeignEntityTags: what only looks like ours goes its own way.
func TestForeignEntityTags(t *testing.T) {
	const good = `W/"coapgw-00000000"`
	p := newPair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(append([]string{r.Method}, r.Header.Values("If-None-Match")...))
	}))
	p.do(t, "GET", "/", "tok", "", "")
	for _, tt := range []struct {
		method     string
		validators []string
		reach      []string
	}{
		{"GET", []string{`"abc"`}, []string{`"abc"`}},
		{"GET", []string{`*`}, []string{`*`}},
		{"GET", []string{good, `"abc"`}, []string{good, `"abc"`}},
		{"GET", []string{good + `, "abc"`}, []string{good + `, "abc"`}},
		{"GET", []string{`W/"coapgw-0000000"`}, []string{`W/"coapgw-0000000"`}},
		{"GET", []string{`W/"coapgw-0000000g"`}, []string{`W/"coapgw-0000000g"`}},
		{"POST", []string{good}, []string{good}},
		{"GET", []string{good}, nil},
	} {
		r, err := http.NewRequest(tt.method, "http://link/x", nil)
		require.NoError(t, err)
		r.Header["If-None-Match"] = tt.validators
		resp, err := p.RoundTrip(r)
		require.NoError(t, err)
		var got []string
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, append([]string{tt.method}, tt.reach...), got)
	}
}

// TestEntityTagAsked: which requests a server reads as ours.
func TestEntityTagAsked(t *testing.T) {
	const body = `{"a":1}`
	validator, ok := coap.EntityTag("application/json", []byte(body))
	require.True(t, ok)
	tag, err := hex.DecodeString(strings.TrimSuffix(strings.TrimPrefix(validator, `W/"coapgw-`), `"`))
	require.NoError(t, err)
	c := newServer(t, &coap.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, body)
	})})
	ask := func(code endpoint.Code, path string, hello bool, tags ...string) endpoint.Code {
		opts := endpoint.Options(nil).AddString(endpoint.URIPath, path)
		for _, tag := range tags {
			opts = opts.AddString(endpoint.ETag, tag)
		}
		if hello {
			opts = opts.Add(coap.OptionGateway, []byte{1})
		}
		resp, err := c.Do(context.Background(), &endpoint.Request{Code: code, Options: opts})
		require.NoError(t, err)
		return resp.Code
	}
	assert.Equal(t, endpoint.Content, ask(endpoint.GET, "x", false, string(tag)), "no coapgw knows no such tags")
	assert.Equal(t, endpoint.Valid, ask(endpoint.GET, "x", true, string(tag)))
	assert.Equal(t, endpoint.Content, ask(endpoint.GET, "x", true, string(tag[:3])))
	assert.Equal(t, endpoint.Content, ask(endpoint.GET, "x", true, string(tag)+"\x00"))
	assert.Equal(t, endpoint.Content, ask(endpoint.GET, "x", true, string(tag), "abcd"))
	assert.Equal(t, endpoint.Content, ask(endpoint.POST, "x", true, string(tag)), "only what reads")
	assert.Equal(t, endpoint.NotFound, ask(endpoint.GET, "gone", true, string(tag)), "only what there is")
}

// TestPeerLink: a handler learns by which link a request came.
func TestPeerLink(t *testing.T) {
	slow, ok := link.ByName("hf-vara500")
	require.True(t, ok)
	var seen coap.Peer
	p := newPairOf(t, &coap.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, _ = coap.PeerFrom(r.Context())
	})}, &coap.Transport{Profile: slow})
	p.do(t, "GET", "/x", "", "", "")
	assert.Equal(t, slow.RateDown, seen.Link.RateDown)
	assert.Equal(t, slow.AckTimeout, seen.Link.AckTimeout)
}
