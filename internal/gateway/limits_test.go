package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/linkemu"
)

const limitedPath = "/_matrix/client/v3/account/whoami"

// of is the peer of a request that comes over no link.
func of(name string) coap.Peer { return coap.Peer{Identity: name} }

func TestLimitRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Limits{Rate: 2, Burst: 3, TotalRate: 100, TotalBurst: 100})
		ask := func(name string) *tooMuch {
			p, refused := l.enter(name)
			if refused == nil {
				l.leave(name, p)
			}
			return refused
		}
		for range 3 {
			require.Nil(t, ask("a"))
		}
		for range 100 { // who is refused does not wait longer for having asked
			require.Equal(t, &tooMuch{RefusedRate, 500 * time.Millisecond}, ask("a"))
		}
		require.Nil(t, ask("b"), "others are served")
		time.Sleep(500 * time.Millisecond)
		require.Nil(t, ask("a"))
		require.NotNil(t, ask("a"))
		time.Sleep(time.Hour)
		for range 3 {
			require.Nil(t, ask("a"))
		}
		require.NotNil(t, ask("a"), "a pause gives a burst and no more")
	})
}

func TestLimitTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Limits{TotalRate: 1, TotalBurst: 10, TotalConcurrent: 4})
		for i := range 10 {
			name := fmt.Sprint(i)
			p, refused := l.enter(name)
			require.Nil(t, refused)
			l.leave(name, p)
		}
		_, refused := l.enter("late")
		require.Equal(t, RefusedLoad, refused.why)
		time.Sleep(time.Minute)
		for i := range 4 {
			_, refused := l.enter(fmt.Sprint(i))
			require.Nil(t, refused)
		}
		_, refused = l.enter("fifth")
		require.Equal(t, &tooMuch{RefusedLoad, busyRetry}, refused)
	})
}

func TestLimitConcurrent(t *testing.T) {
	l := newLimiter(Limits{Concurrent: 2})
	first, refused := l.enter("a")
	require.Nil(t, refused)
	_, refused = l.enter("a")
	require.Nil(t, refused)
	_, refused = l.enter("a")
	require.Equal(t, RefusedConcurrent, refused.why)
	_, refused = l.enter("b")
	require.Nil(t, refused)
	l.leave("a", first)
	_, refused = l.enter("a")
	require.Nil(t, refused)
}

func TestLimitBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Limits{Bytes: 100, BytesBurst: 1000})
		p, refused := l.enter("a")
		require.Nil(t, refused)
		p.used(1500) // more than the burst: what was begun goes on
		p.used(1500)
		l.leave("a", p)
		_, refused = l.enter("a")
		require.Equal(t, &tooMuch{RefusedBytes, 20 * time.Second}, refused)
		time.Sleep(21 * time.Second)
		_, refused = l.enter("a")
		require.Nil(t, refused)
	})
}

func TestLimitNone(t *testing.T) {
	l := newLimiter(Limits{Rate: -1, Concurrent: -1, Bytes: -1, TotalRate: -1, TotalConcurrent: -1})
	for range 30_000 {
		p, refused := l.enter("a")
		require.Nil(t, refused)
		p.used(1 << 30)
	}
}

// TestLimitMemory: however many peers come, Peers are remembered, and none of those that
// have requests under way is forgotten.
func TestLimitMemory(t *testing.T) {
	l := newLimiter(Limits{Peers: 10, Burst: 1, Rate: 0.001})
	busy, refused := l.enter("busy")
	require.Nil(t, refused)
	for i := range 10_000 {
		name := fmt.Sprint(i)
		p, refused := l.enter(name)
		require.Nil(t, refused)
		l.leave(name, p)
		require.LessOrEqual(t, len(l.peers), 11)
		require.LessOrEqual(t, l.idle.Len(), 10)
	}
	for range 100 { // who is refused takes no place either
		l.enter("9999")
	}
	require.LessOrEqual(t, len(l.peers), 11)
	_, refused = l.enter("9999")
	require.NotNil(t, refused)
	_, refused = l.enter("busy")
	require.NotNil(t, refused)
	l.leave("busy", busy)
	_, refused = l.enter("0")
	require.Nil(t, refused, "who was forgotten begins anew")
}

func TestSetLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Limits{Burst: 1})
		_, refused := l.enter("a")
		require.Nil(t, refused)
		_, refused = l.enter("a")
		require.NotNil(t, refused)
		l.set(Limits{Rate: 1000, Burst: 1000})
		time.Sleep(time.Second)
		for range 200 {
			_, refused = l.enter("a")
			require.Nil(t, refused)
		}
	})
}

func TestLimitedAs(t *testing.T) {
	udp := func(ip string) net.Addr { return &net.UDPAddr{IP: net.ParseIP(ip), Port: 1} }
	same := [][2]coap.Peer{
		{{Identity: "a", Addr: udp("192.0.2.1")}, {Identity: "a", Addr: udp("192.0.2.2")}},
		{{Addr: udp("192.0.2.1")}, {Addr: udp("192.0.2.1")}},
		{{Addr: udp("2001:db8::1")}, {Addr: udp("2001:db8::ffff:2")}},
	}
	other := [][2]coap.Peer{
		{of("a"), of("b")},
		{{Addr: udp("192.0.2.1")}, {Addr: udp("192.0.2.2")}},
		{{Addr: udp("2001:db8::1")}, {Addr: udp("2001:db8:0:1::1")}},
		{{Identity: "192.0.2.1"}, {Addr: udp("192.0.2.1")}},
	}
	for _, p := range same {
		assert.Equal(t, limitedAs(p[0]), limitedAs(p[1]))
	}
	for _, p := range other {
		assert.NotEqual(t, limitedAs(p[0]), limitedAs(p[1]))
	}
}

// TestLimitsOverTheLink: what is refused crosses as 4.29 or 5.03 with Max-Age, in both
// versions of the peer, and comes out as Matrix has it.
func TestLimitsOverTheLink(t *testing.T) {
	tests := []struct {
		name   string
		limits Limits
		status int
		after  string
	}{
		{"own", Limits{Rate: 0.1, Burst: 1}, http.StatusTooManyRequests, "10"},
		{"all", Limits{TotalRate: 0.01, TotalBurst: 1}, http.StatusServiceUnavailable, "100"},
		{"bytes", Limits{Bytes: 1, BytesBurst: 2}, http.StatusTooManyRequests, "2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := linkemu.New(linkemu.Config{})
				defer l.Close()
				key := []byte(strings.Repeat("k", 16))
				served := 0
				var refusals []Refusal
				ctx, stop := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				station := &Station{
					Profile:  link.Default(),
					Security: &dtls.Config{Keys: func(string) ([]byte, bool) { return key, true }},
					Guard:    GuardOptions{Limits: tt.limits, Refused: func(r Refusal) { refusals = append(refusals, r) }},
					Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						served++
						_, _ = io.WriteString(w, "done")
					}),
				}
				go func() { ended <- station.Run(ctx, l.Listen()) }()
				d := &Dialer{Routes: emulatedRoute(l, "192.0.2.1:1"), Profile: link.Default(), Security: &dtls.Config{Identity: "boat", Key: key}}
				transport := &coap.Transport{Dial: d.Dial, Profile: link.Default()}
				ask := func() *http.Response {
					res, err := transport.RoundTrip(request(t, http.MethodGet, limitedPath, nil))
					require.NoError(t, err)
					return res
				}
				assert.Equal(t, "done", readAll(t, ask()))
				res := ask()
				assert.Equal(t, tt.status, res.StatusCode)
				assert.Equal(t, tt.after, res.Header.Get("Retry-After"))
				assert.Contains(t, readAll(t, res), `"errcode":"M_LIMIT_EXCEEDED"`)
				assert.Equal(t, 1, served, "what is refused does not reach the homeserver")
				assert.Len(t, refusals, 1)
				seconds, err := strconv.Atoi(tt.after)
				require.NoError(t, err)
				time.Sleep(time.Duration(seconds) * time.Second)
				assert.Equal(t, "done", readAll(t, ask()), "after Retry-After it is served")
				require.NoError(t, transport.Close())
				stop()
				require.NoError(t, <-ended)
			})
		})
	}
}
