package coap_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

func profile(t testing.TB, text string) link.Profile {
	t.Helper()
	p, err := link.Parse(text)
	require.NoError(t, err)
	return p
}

// TestClientTellsItsLink: in the first request, and nothing later.
func TestClientTellsItsLink(t *testing.T) {
	for text, hello := range map[string]string{
		"default":    "02",
		"hf-vara500": "020d",
		"base=hf-vara500,rate-up=150,rate-down=150,ack-timeout=90s": "020d01a1090b410f0c410f",
		"base=default,flight-interval=9s":                           "02",
	} {
		synctest.Test(t, func(t *testing.T) {
			p, rt := newPeer(t, gatewayAnswer)
			rt.Profile = profile(t, text)
			for range 2 {
				require.Equal(t, 200, status(t, rt, "GET", "/x", "a", ""))
			}
			assert.Equal(t, []string{
				"0 0.01 /x token=a version=01 gateway=" + hello + " slot=-",
				"0 0.01 /x token=- version=- gateway=- slot=-",
			}, p.take(), text)
		})
	}
}

// TestServerMeetsLinks: what a server answers to hellos, one after the other on a
// session.
func TestServerMeetsLinks(t *testing.T) {
	// The times of geo-vsat allow of those of hf-vara500 no retransmission and 101 s of
	// MAX_LATENCY.
	const clamped = "020d" + "0300" + "059165"
	type step struct{ hello, code, answer string }
	for name, tt := range map[string]struct {
		own, slowest string
		steps        []step
	}{
		"default":                 {steps: []step{{"02", "2.05", "02"}, {"02", "2.05", "02"}}},
		"a built-in profile":      {steps: []step{{"020c", "2.05", "02"}, {"020c", "2.05", "02"}}},
		"one of the peer's own":   {steps: []step{{"020d01a1090b410f0c410f", "2.05", "02"}}},
		"level 1":                 {steps: []step{{"01", "2.05", "02"}, {"010c", "2.05", "02"}}},
		"a higher level":          {steps: []step{{"03", "2.05", "02"}, {"030c", "2.05", "02"}}},
		"a question":              {steps: []step{{"", "2.05", "02"}, {"020c", "2.05", "02"}, {"", "2.05", "020c"}, {"01", "2.05", "020c"}}},
		"an unknown number":       {steps: []step{{"0211", "4.00", "0200"}, {"02", "2.05", "02"}}},
		"no form of ours":         {steps: []step{{"030cff", "4.00", "0200"}, {"020c", "2.05", "02"}}},
		"told in two ways":        {steps: []step{{"020c", "2.05", "02"}, {"020c01a112", "2.05", "02"}}},
		"another link later":      {steps: []step{{"020c", "2.05", "02"}, {"020d", "4.00", "020c"}, {"0200", "4.00", "020c"}, {"020c", "2.05", "02"}}},
		"timers that cannot work": {steps: []step{{"020c019102", "4.00", "0200"}, {"020c", "2.05", "02"}}},
		"configured by hand":      {own: "hf-vara500", steps: []step{{"02", "2.05", "020d"}, {"020d", "2.05", "02"}}},
		"default on purpose":      {own: "hf-vara500", steps: []step{{"0200", "2.05", "02"}, {"02", "2.05", "02"}}},
		"slower than allowed":     {slowest: "geo-vsat", steps: []step{{"020d", "4.00", clamped}, {"020d", "4.00", clamped}, {"02", "2.05", clamped}, {clamped, "2.05", "02"}}},
		"as slow as allowed":      {slowest: "hf-vara500", steps: []step{{"020d", "2.05", "02"}}},
		"by hand, out of bounds":  {own: "hf-vara500", slowest: "geo-vsat", steps: []step{{"020d", "2.05", "02"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &coap.Server{}
				if tt.own != "" {
					server.Profile = profile(t, tt.own)
				}
				if tt.slowest != "" {
					server.Bounds = link.BoundsOf(profile(t, tt.slowest))
				}
				executed := 0
				server.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { executed++ })
				c := newServer(t, server)
				for i, step := range tt.steps {
					hello, err := hex.DecodeString(step.hello)
					require.NoError(t, err)
					before := executed
					resp, err := c.Do(t.Context(), &endpoint.Request{
						Code:    endpoint.GET,
						Options: endpoint.Options(nil).AddString(endpoint.URIPath, "x").Add(coap.OptionGateway, hello),
					})
					require.NoError(t, err)
					assert.Equal(t, step.code, resp.Code.String(), "step %d", i)
					answer, _ := resp.Options.Get(coap.OptionGateway)
					assert.Equal(t, step.answer, hex.EncodeToString(answer), "step %d", i)
					control, _ := resp.Options.GetUint(coap.OptionControl)
					if step.code == "4.00" {
						assert.EqualValues(t, 3, control)
						assert.Equal(t, before, executed, "step %d must not be executed", i)
					} else {
						assert.Zero(t, control)
						assert.Equal(t, before+1, executed)
					}
				}
			})
		})
	}
}

// TestRefusedLink: the request is executed once, under the terms of the server, and
// its token is told again, for the server has not stored it.
func TestRefusedLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var seen []string
		p := newPairOf(t, &coap.Server{
			Bounds: link.BoundsOf(profile(t, "geo-vsat")),
			Log:    slog.New(slog.NewTextHandler(&log, nil)),
			Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen = append(seen, r.Method+" "+r.Header.Get("Authorization"))
			}),
		}, &coap.Transport{Profile: profile(t, "hf-vara500")})
		p.do(t, "POST", "/x", "a", "", "")
		p.do(t, "POST", "/x", "a", "", "")
		assert.Equal(t, []string{"POST Bearer a", "POST Bearer a"}, seen)
		assert.Len(t, p.sent(), 6)
		assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte("a link asks for more than is granted")))
		assert.Contains(t, log.String(), "link=hf-vara500")
	})
}

// TestLinkToldByManyAtOnce: requests that begin before the first answer all tell the
// link. Each is executed once, whether the link is granted or not, and whatever the
// datagrams that come twice.
func TestLinkToldByManyAtOnce(t *testing.T) {
	for _, slowest := range []string{"hf-vara500", "geo-vsat"} {
		t.Run(slowest, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var executed atomic.Int32
				told := profile(t, "base=hf-vara500,rate-up=0,rate-down=0,nstart=4,min-gap=0s")
				l := serve(t, &coap.Server{
					Bounds:  link.BoundsOf(profile(t, slowest)),
					Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { executed.Add(1) }),
				}, nil)
				rt := &coap.Transport{Profile: told, Dial: func(ctx context.Context) (net.Conn, error) {
					c, err := l.Dial(ctx)
					return doubled{c}, err
				}}
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() { assert.Equal(t, 200, status(t, rt, "POST", "/x", "a", "")) })
				}
				all.Wait()
				require.NoError(t, rt.Close())
				assert.EqualValues(t, 4, executed.Load())
			})
		})
	}
}

// doubled is a connection that sends each datagram twice, the second time later.
type doubled struct{ net.Conn }

// Write implements net.Conn.
func (d doubled) Write(b []byte) (int, error) {
	again := bytes.Clone(b)
	time.AfterFunc(time.Second, func() { _, _ = d.Conn.Write(again) }) // it may be closed by then
	return d.Conn.Write(b)
}

// TestRefusedClientRepeatsNoLonger: a client whose link was refused sends nothing
// again when the server may have forgotten it. One whose link is granted goes on for
// as long as its profile says.
func TestRefusedClientRepeatsNoLonger(t *testing.T) {
	slow := profile(t, "hf-s5066-75")
	for _, tt := range []struct {
		name    string
		refused bool
		least   int // copies
		most    int
		span    time.Duration
	}{
		{"granted", false, slow.MaxRetransmit + 1, 2*slow.MaxRetransmit + 1, slow.MaxTransmitSpan()},
		{"refused", true, 1, 1, link.Default().MaxTransmitSpan()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
					resp := gatewayAnswer(r)
					if tt.refused && r.Options.Has(coap.OptionGateway) {
						return &endpoint.Response{
							Code:    endpoint.BadRequest,
							Options: endpoint.Options(nil).Add(coap.OptionGateway, []byte{2, 0}).AddUint(coap.OptionControl, 3),
						}
					}
					return resp
				})
				var link muted
				rt.Profile = slow
				rt.Dial = func(ctx context.Context) (net.Conn, error) {
					var err error
					link.Conn, err = p.dial(ctx)
					return &link, err
				}
				require.Equal(t, 200, status(t, rt, "POST", "/x", "a", ""))
				link.mute()
				assert.Equal(t, 504, status(t, rt, "POST", "/x", "a", ""))
				sent := link.sent()
				require.GreaterOrEqual(t, len(sent), tt.least)
				require.LessOrEqual(t, len(sent), tt.most)
				assert.LessOrEqual(t, sent[len(sent)-1].Sub(sent[0]), tt.span)
			})
		})
	}
}

// muted is a connection that can go dead. Then it notes when something is sent.
type muted struct {
	net.Conn
	mu   sync.Mutex
	dead bool
	lost []time.Time
}

func (m *muted) mute() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
}

func (m *muted) sent() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.lost)
}

// Write implements net.Conn.
func (m *muted) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dead {
		return m.Conn.Write(b)
	}
	m.lost = append(m.lost, time.Now())
	return len(b), nil
}

// TestSlowServerHoldsItsAcknowledgement: what a server adopts holds for the request
// that told it.
func TestSlowServerHoldsItsAcknowledgement(t *testing.T) {
	for _, name := range []string{"default", "hf-vara500"} {
		synctest.Test(t, func(t *testing.T) {
			told := profile(t, name)
			p := newPairOf(t, &coap.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				time.Sleep(told.EmptyAckDelay - time.Millisecond) // virtual
			})}, &coap.Transport{Profile: told})
			p.do(t, "GET", "/x", "a", "", "")
			assert.Len(t, p.sent(), 2, "no acknowledgement of its own")
		})
	}
}
