package coap_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// newServer returns a session to a Server with that handler, as a foreign client
// would open it.
func newServer(t testing.TB, s *coap.Server) *endpoint.Conn {
	nc, err := serve(t, s, nil).Dial(context.Background())
	require.NoError(t, err)
	c := endpoint.New(nc, endpoint.Config{Profile: link.Default()})
	t.Cleanup(func() {
		assert.NoError(t, c.Close())
		c.Wait()
	})
	return c
}

// echo answers with what it saw.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"type":%q}`, r.Header.Get("Authorization"))
})

// TestForeignClient: what a client of MSC3079 may send, and what it gets.
func TestForeignClient(t *testing.T) {
	const integerKeys, stringKeys = "\xa1\x02", "\xa1\x64type"
	type options = map[endpoint.OptionNumber]string
	for name, steps := range map[string][]struct {
		opts    options
		payload string
		code    string
		want    string // begins with
	}{
		"string keys to whom showed no others": {{options{}, "", "2.05", stringKeys}},
		"after option 257": {
			{options{coap.OptionVersion: "\x01"}, "", "2.05", integerKeys}, {options{}, "", "2.05", integerKeys},
		},
		"after a body with integer keys": {
			{options{endpoint.ContentFormat: "\x3c"}, "\xa1\x61x\x00", "2.05", stringKeys},
			{options{endpoint.ContentFormat: "\x3c"}, "\xa1\x02\x00", "2.05", integerKeys},
			{options{}, "", "2.05", integerKeys},
		},
		"JSON for Accept 50":            {{options{endpoint.Accept: "\x32"}, "", "2.05", `{"type":""}`}},
		"Accept 60":                     {{options{endpoint.Accept: "\x3c"}, "", "2.05", stringKeys}},
		"Accept of what there is not":   {{options{endpoint.Accept: "\x28"}, "", "4.06", ""}},
		"Accept of what is no JSON":     {{options{endpoint.Accept: "\x17"}, "", "4.06", ""}},
		"a version of the future":       {{options{coap.OptionVersion: "\x02"}, "", "4.02", ""}},
		"an unknown critical option":    {{options{9999: ""}, "", "4.02", ""}},
		"an unknown elective option":    {{options{9998: ""}, "", "2.05", stringKeys}},
		"our slot from a stranger":      {{options{coap.OptionSlot: "\x01"}, "", "4.02", ""}},
		"our method from a stranger":    {{options{coap.OptionMethod: "PUT"}, "", "4.02", ""}},
		"our envelope from a stranger":  {{options{coap.OptionEnvelope: ""}, "\x81\x60", "4.02", ""}},
		"a forward proxy":               {{options{endpoint.ProxyURI: "http://evil.example/"}, "", "5.05", ""}},
		"a forward proxy by scheme":     {{options{endpoint.ProxyScheme: "http"}, "", "5.05", ""}},
		"a body that is no CBOR":        {{options{endpoint.ContentFormat: "\x3c"}, "\xff", "4.00", ""}},
		"a slot that is not known":      {{options{coap.OptionGateway: "\x01"}, "", "2.05", ""}, {options{coap.OptionSlot: "\x09"}, "", "4.00", ""}},
		"the same token, in both forms": {{options{coap.OptionAccessToken: "Bearer a", endpoint.Accept: "\x32"}, "", "2.05", `{"type":"Bearer a"}`}, {options{coap.OptionAccessToken: "a", endpoint.Accept: "\x32"}, "", "2.05", `{"type":"Bearer a"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newServer(t, &coap.Server{Handler: echo})
				for _, step := range steps {
					opts := endpoint.Options(nil).AddString(endpoint.URIPath, "x")
					for n, v := range step.opts {
						opts = opts.AddString(n, v)
					}
					req := &endpoint.Request{Code: endpoint.POST, Options: opts}
					if step.payload != "" {
						req.Body, req.Size = strings.NewReader(step.payload), int64(len(step.payload))
					}
					resp, err := c.Do(t.Context(), req)
					require.NoError(t, err)
					body, err := io.ReadAll(resp.Body)
					require.NoError(t, err)
					require.Equal(t, step.code, resp.Code.String())
					assert.True(t, bytes.HasPrefix(body, []byte(step.want)), "%q", body)
				}
			})
		})
	}
}

// TestAccept: what cannot be had in the format that is asked for is 4.06 (RFC 7252 §5.10.4), but
// for errors, which are told as they are. What no answer can be is not asked for at all.
func TestAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := ""
		c := newServer(t, &coap.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked += r.URL.Path + " "
			switch r.URL.Path {
			case "/png":
				w.Header().Set("Content-Type", "image/png")
			case "/large":
				w.Header().Set("Content-Type", "image/png")
				_, _ = w.Write(make([]byte, 100_000))
			case "/json", "/error":
				w.Header().Set("Content-Type", "application/json")
			case "/empty":
				return
			case "/_matrix/client/r0/sync":
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"next_batch":"s1"}`)
				return
			}
			if r.URL.Path == "/error" {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = io.WriteString(w, "{}")
		})})
		for _, test := range []struct {
			code    endpoint.Code
			path    string
			accept  uint32
			want    endpoint.Code
			reaches bool
		}{
			{endpoint.GET, "png", 23, endpoint.Content, true},
			{endpoint.GET, "png", 22, endpoint.NotAcceptable, true},
			{endpoint.GET, "png", 60, endpoint.NotAcceptable, true},
			{endpoint.GET, "large", 60, endpoint.NotAcceptable, true},
			{endpoint.GET, "json", 60, endpoint.Content, true},
			{endpoint.GET, "json", 50, endpoint.Content, true},
			{endpoint.GET, "json", 0, endpoint.NotAcceptable, true},
			{endpoint.GET, "json", 40, endpoint.NotAcceptable, false},
			{endpoint.GET, "json", 65535, endpoint.NotAcceptable, false},
			{endpoint.FETCH, "json", 0, endpoint.NotAcceptable, true},
			{endpoint.GET, "error", 23, endpoint.NotFound, true},
			{endpoint.GET, "empty", 23, endpoint.Content, true},
			{endpoint.POST, "json", 50, endpoint.Content, true},
			{endpoint.POST, "json", 23, endpoint.NotAcceptable, false},
			{endpoint.PUT, "json", 42, endpoint.NotAcceptable, false},
			{endpoint.DELETE, "json", 0, endpoint.NotAcceptable, false},
		} {
			asked = ""
			resp, err := c.Do(t.Context(), &endpoint.Request{Code: test.code, Options: endpoint.Options(nil).AddString(endpoint.URIPath, test.path).AddUint(endpoint.Accept, test.accept)})
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, test.want.String(), resp.Code.String(), test)
			assert.Equal(t, test.reaches, asked != "", test)
			if test.want == endpoint.NotAcceptable {
				assert.Empty(t, body)
			}
			if format, ok := resp.Options.GetUint(endpoint.ContentFormat); ok && test.want == endpoint.Content {
				assert.Equal(t, test.accept, format, test)
			}
		}
		// What is not acceptable is not observed either.
		for _, accept := range []uint32{22, 40, 50} {
			want := endpoint.NotAcceptable
			if accept == 50 {
				want = endpoint.Content
			}
			sync := &endpoint.Request{Code: endpoint.GET, Options: endpoint.Options(nil).AddString(endpoint.URIPath, "7").AddUint(endpoint.Accept, accept)}
			var code endpoint.Code
			o, err := c.Observe(t.Context(), sync, func(resp *endpoint.Response) error {
				code = resp.Code
				return nil
			})
			assert.Equal(t, want.String(), code.String())
			if want == endpoint.Content {
				require.NoError(t, err)
				require.NoError(t, o.Cancel(t.Context()))
			} else {
				assert.ErrorIs(t, err, endpoint.ErrNotObserved)
				asked = ""
				time.Sleep(time.Minute)
				assert.Empty(t, asked, "nobody waits for more")
			}
		}
	})
}

// A body that cannot be read twice does not meet a peer that refuses option 257:
// a short one is kept, before a long one the peer is asked who it is.
func TestUploadAsFirstRequest(t *testing.T) {
	for name, size := range map[string]int{"short": 3000, "long": 300_000} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			p, transport := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
				if r.Options.Has(coap.OptionVersion) {
					return &endpoint.Response{Code: endpoint.BadOption}
				}
				return &endpoint.Response{Code: endpoint.Changed}
			})
			p.body = func(b []byte) { got = b }
			body := bytes.Repeat([]byte("0123456789"), size/10)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://link/upload", io.NopCloser(bytes.NewReader(body)))
			require.NoError(t, err)
			r.ContentLength = int64(len(body))
			r.Header.Set("Content-Type", "text/plain;charset=utf-8")
			resp, err := transport.RoundTrip(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, http.StatusNoContent, resp.StatusCode)
			assert.True(t, bytes.Equal(body, got))
		})
	}
}
