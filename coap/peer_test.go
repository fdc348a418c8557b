package coap_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// peer is a CoAP server made of the message layer alone, with the answers of a
// test. It notes what arrives on which session.
type peer struct {
	answer func(r *endpoint.Request) *endpoint.Response
	// body, when set, sees the bodies of requests that are accepted.
	body func([]byte)

	mu       sync.Mutex
	conns    []*endpoint.Conn
	requests []arrival
}

// arrival is a request by the options that say whose it is.
type arrival struct {
	session        int
	code           endpoint.Code
	path           string
	token, version string // "-" where the option is absent
	gateway, slot  string
}

func (p *peer) serve(_ context.Context, r *endpoint.Request) *endpoint.Response {
	p.mu.Lock()
	a := arrival{code: r.Code, token: "-", version: "-", gateway: "-", slot: "-"}
	for i, c := range p.conns {
		if c == r.Conn {
			a.session = i
		}
	}
	for _, v := range r.Options.GetAll(endpoint.URIPath) {
		a.path += "/" + string(v)
	}
	for n, to := range map[endpoint.OptionNumber]*string{
		coap.OptionAccessToken: &a.token, coap.OptionVersion: &a.version, coap.OptionGateway: &a.gateway, coap.OptionSlot: &a.slot,
	} {
		if v, ok := r.Options.Get(n); ok {
			*to = string(v)
			if n != coap.OptionAccessToken {
				*to = fmt.Sprintf("%x", v)
			}
		}
	}
	p.requests = append(p.requests, a)
	p.mu.Unlock()
	resp := p.answer(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return &endpoint.Response{Code: endpoint.BadRequest}
	}
	if p.body != nil && resp.Code.Class() == 2 {
		p.body(body)
	}
	return resp
}

// take returns what arrived since, as "session code path token version gateway slot".
func (p *peer) take() (r []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.requests {
		r = append(r, fmt.Sprintf("%d %s %s token=%s version=%s gateway=%s slot=%s", a.session, a.code, a.path, a.token, a.version, a.gateway, a.slot))
	}
	p.requests = nil
	return r
}

func (p *peer) dial(context.Context) (net.Conn, error) {
	client, server := pipe.New(nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, endpoint.New(server, endpoint.Config{
		Profile: link.Default(), Handler: endpoint.HandlerFunc(p.serve),
		KnownCritical: func(n endpoint.OptionNumber) bool { return n > 255 },
	}))
	return client, nil
}

// newPeer returns a Transport to a server with these answers.
func newPeer(t *testing.T, answer func(r *endpoint.Request) *endpoint.Response) (*peer, *coap.Transport) {
	p := &peer{answer: answer}
	transport := &coap.Transport{Dial: p.dial}
	t.Cleanup(func() {
		assert.NoError(t, transport.Close())
		for _, c := range p.conns {
			assert.NoError(t, c.Close())
			c.Wait()
		}
	})
	return p, transport
}

// plain is the answer of a foreign server.
func plain(*endpoint.Request) *endpoint.Response { return &endpoint.Response{Code: endpoint.Content} }

// status sends a request and returns the status of the answer.
func status(t *testing.T, rt http.RoundTripper, method, target, token, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://link"+target, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := rt.RoundTrip(r)
	var own *coap.Error
	if err != nil {
		require.ErrorAs(t, err, &own)
		return own.Status
	}
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// TestForeignServer: 256 and 257 until a request that carried them was answered,
// one session for each token and one for none; nothing but that is asked.
func TestForeignServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rt := newPeer(t, plain)
		for _, token := range []string{"a", "a", "", "", "b", "a", "b"} {
			require.Equal(t, 200, status(t, rt, "GET", "/x", token, ""))
		}
		assert.Equal(t, []string{
			"0 0.01 /x token=a version=01 gateway=02 slot=-",
			"0 0.01 /x token=- version=- gateway=- slot=-",
			"1 0.01 /x token=- version=01 gateway=- slot=-",
			"1 0.01 /x token=- version=- gateway=- slot=-",
			"2 0.01 /x token=b version=01 gateway=- slot=-",
			"0 0.01 /x token=- version=- gateway=- slot=-",
			"2 0.01 /x token=- version=- gateway=- slot=-",
		}, p.take())
	})
}

// TestForeignServerOddBearer: a peer that knows no headers gets the token of a header that says
// it in another way, and no request without it.
func TestForeignServerOddBearer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rt := newPeer(t, plain)
		for range 2 {
			r, err := http.NewRequestWithContext(t.Context(), "GET", "http://link/x", nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "bearer a")
			resp, err := rt.RoundTrip(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
		assert.Equal(t, []string{
			"0 0.01  token=- version=01 gateway= slot=-", // who are you?
			"1 0.01 /x token=a version=01 gateway=- slot=-",
			"1 0.01 /x token=- version=- gateway=- slot=-",
		}, p.take())
	})
}

// TestForeignServerBusy: 5.03 is no answer, so that the token goes along again.
func TestForeignServerBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := 2
		p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
			if busy--; busy >= 0 {
				return &endpoint.Response{Code: endpoint.ServiceUnavailable}
			}
			return plain(r)
		})
		for _, want := range []int{503, 503, 200, 200} {
			require.Equal(t, want, status(t, rt, "GET", "/x", "a", ""))
		}
		assert.Equal(t, []string{
			"0 0.01 /x token=a version=01 gateway=02 slot=-",
			"0 0.01 /x token=a version=01 gateway=02 slot=-",
			"0 0.01 /x token=a version=01 gateway=02 slot=-",
			"0 0.01 /x token=- version=- gateway=- slot=-",
		}, p.take())
	})
}

// TestVersionRefused: a server that does not know option 257 gets the request again
// without; those at the same time as well.
func TestVersionRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := make(chan struct{})
		p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
			if r.Options.Has(coap.OptionVersion) {
				<-both
				return &endpoint.Response{Code: endpoint.BadOption}
			}
			return plain(r)
		})
		var requests sync.WaitGroup
		for range 2 {
			requests.Go(func() { assert.Equal(t, 200, status(t, rt, "POST", "/x", "a", "{}")) })
		}
		synctest.Wait()
		close(both)
		requests.Wait()
		assert.Len(t, p.take(), 4)
		require.Equal(t, 200, status(t, rt, "GET", "/x", "a", ""))
		assert.Equal(t, []string{"0 0.01 /x token=- version=- gateway=- slot=-"}, p.take())
	})
}

// TestNotCarriedToForeign: what only a coapgw understands is asked for first, and
// then answered here.
func TestNotCarriedToForeign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rt := newPeer(t, plain)
		assert.Equal(t, 400, status(t, rt, "GET", "/x?q="+strings.Repeat("y", 5000), "", ""))
		assert.Equal(t, []string{"0 0.01  token=- version=01 gateway= slot=-"}, p.take(), "the probe alone")
		assert.Equal(t, 400, status(t, rt, "REPORT", "/x", "", ""))
		assert.Equal(t, 405, status(t, rt, "TRACE", "/x", "", ""))
		assert.Equal(t, 200, status(t, rt, "HEAD", "/x", "", ""))
		assert.Equal(t, []string{"0 0.01 /x token=- version=01 gateway=- slot=-"}, p.take())
	})
}

// gatewayAnswer is the answer of a coapgw that a test plays.
func gatewayAnswer(r *endpoint.Request) *endpoint.Response {
	resp := &endpoint.Response{Code: endpoint.Content}
	if v, ok := r.Options.Get(coap.OptionGateway); ok {
		resp.Options = resp.Options.AddUint(coap.OptionGateway, 2)
		if len(v) == 0 {
			resp.Code = endpoint.Valid
		}
	}
	return resp
}

// TestFirstContact: who the peer is costs no round trip, and a session of one user
// says nothing from then on.
func TestFirstContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rt := newPeer(t, gatewayAnswer)
		for _, token := range []string{"a", "a", "", "b", "b"} {
			require.Equal(t, 200, status(t, rt, "GET", "/x", token, ""))
		}
		assert.Equal(t, []string{
			"0 0.01 /x token=a version=01 gateway=02 slot=-",
			"0 0.01 /x token=- version=- gateway=- slot=-",
			"0 0.01 /x token=- version=- gateway=- slot=",
			"0 0.01 /x token=b version=- gateway=- slot=02",
			"0 0.01 /x token=- version=- gateway=- slot=02",
		}, p.take())
	})
}

// TestProbe: a second token before the first answer asks who the peer is.
func TestProbe(t *testing.T) {
	for name, answer := range map[string]func(*endpoint.Request) *endpoint.Response{"gateway": gatewayAnswer, "foreign": plain} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hold := make(chan struct{})
				p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
					if v, _ := r.Options.Get(coap.OptionAccessToken); string(v) == "a" {
						<-hold // a long poll
					}
					return answer(r)
				})
				var first sync.WaitGroup
				first.Go(func() { assert.Equal(t, 200, status(t, rt, "GET", "/sync", "a", "")) })
				synctest.Wait()
				require.Equal(t, 200, status(t, rt, "GET", "/x", "b", ""))
				close(hold)
				first.Wait()
				last := "0 0.01 /x token=b version=- gateway=02 slot=02" // the probe told nothing of us
				if name == "foreign" {
					last = "1 0.01 /x token=b version=01 gateway=- slot=-"
				}
				assert.Equal(t, []string{
					"0 0.01 /sync token=a version=01 gateway=02 slot=-",
					"0 0.01  token=- version=01 gateway= slot=-",
					last,
				}, p.take())
			})
		})
	}
}

// TestProbeGivenUp: when who asks gives up, the next one asks; and 5.03 is no
// answer to the question.
func TestProbeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		probes := 0
		p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
			if r.Code != endpoint.GET {
				return gatewayAnswer(r)
			}
			switch probes++; probes {
			case 1:
				<-hold
			case 2:
				return &endpoint.Response{Code: endpoint.ServiceUnavailable}
			}
			return gatewayAnswer(r)
		})
		long := "/x?q=" + strings.Repeat("y", 5000)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			r, err := http.NewRequestWithContext(ctx, "GET", "http://link"+long, nil)
			assert.NoError(t, err)
			_, err = rt.RoundTrip(r)
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		all.Go(func() { assert.Equal(t, 503, status(t, rt, "GET", long, "", "")) })
		synctest.Wait()
		cancel()
		all.Wait()
		assert.Equal(t, 200, status(t, rt, "POST", long, "", "an upload that was not sent before"))
		assert.Equal(t, 3, probes)
		close(hold)
		p.take()
	})
}

// TestUnknownSlot: one exchange more, under a new number, and never an HTTP status.
func TestUnknownSlot(t *testing.T) {
	for name, code := range map[string]uint32{"unknown": 1, "taken": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refuse := false
				p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
					if refuse {
						refuse = false
						return &endpoint.Response{Code: endpoint.BadRequest, Options: endpoint.Options(nil).AddUint(coap.OptionControl, code)}
					}
					return gatewayAnswer(r)
				})
				require.Equal(t, 200, status(t, rt, "GET", "/x", "a", ""))
				p.take()
				refuse = true
				require.Equal(t, 200, status(t, rt, "POST", "/x", "a", "{}"))
				assert.Equal(t, []string{
					"0 0.02 /x token=- version=- gateway=- slot=-",
					"0 0.02 /x token=a version=- gateway=- slot=02",
				}, p.take())
			})
		})
	}
	t.Run("for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
				resp := gatewayAnswer(r)
				resp.Code, resp.Options = endpoint.BadRequest, resp.Options.AddUint(coap.OptionControl, 1)
				return resp
			})
			assert.Equal(t, 502, status(t, rt, "GET", "/x", "a", ""))
		})
	})
}

// newServer returns a session to a Server with that handler, as a foreign client
// would open it.
func newServer(t testing.TB, s *coap.Server) *endpoint.Conn {
	l := pipe.Listen(nil)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- s.Serve(ctx, l) }()
	nc, err := l.Dial(ctx)
	require.NoError(t, err)
	c := endpoint.New(nc, endpoint.Config{Profile: link.Default()})
	t.Cleanup(func() {
		assert.NoError(t, c.Close())
		c.Wait()
		cancel()
		assert.NoError(t, <-served)
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
