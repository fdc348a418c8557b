package coap_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

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
