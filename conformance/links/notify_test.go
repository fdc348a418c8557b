package links

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestNotificationsAreNotLost: the reference loses events that are observed. Of
// those here, some of several blocks, each arrives once, whole and in order, over
// a link that loses, doubles and reorders datagrams.
func TestNotificationsAreNotLost(t *testing.T) {
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				observe(t, seed+1, func(_ *linkemu.Link, server *endpoint.Observer, client *endpoint.Observation, delivered func() []string) {
					want := []string{first}
					for n := range 60 {
						body := fmt.Sprint(n)
						if n%3 != 0 { // several blocks
							body = strings.Repeat(body+" ", 2000)
						}
						require.NoError(t, server.Notify(t.Context(), content(body)))
						want = append(want, body)
					}
					time.Sleep(lossy().ExchangeLifetime()) // virtual: what is on its way arrives
					require.Equal(t, want, delivered())
					require.NoError(t, client.Err())
				})
			})
		})
	}
}

// TestLostNotificationIsTold: when a notification cannot be delivered, its sender
// knows, and keeps it for the next registration.
func TestLostNotificationIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		observe(t, 1, func(link *linkemu.Link, server *endpoint.Observer, _ *endpoint.Observation, delivered func() []string) {
			require.NoError(t, server.Notify(t.Context(), content("second")))
			link.Dial(virtual.Ship(1)) // takes the client's address: it hears nothing any more
			require.ErrorIs(t, server.Notify(t.Context(), content("third")), endpoint.ErrTimeout)
			<-server.Done()
			require.ErrorIs(t, server.Notify(t.Context(), content("fourth")), endpoint.ErrObserverGone)
			require.Equal(t, []string{first, "second"}, delivered())
		})
	})
}

// observe runs f with a client that observes a resource of a server, over a link
// that loses, doubles and reorders. The function delivered returns the bodies
// that have arrived.
func observe(t *testing.T, seed uint64, f func(link *linkemu.Link, server *endpoint.Observer, client *endpoint.Observation, delivered func() []string)) {
	p := lossy()
	l := emulate(p)
	for _, d := range []*linkemu.Direction{&l.Up, &l.Down} {
		d.Loss, d.Jitter = lossOfLossy, time.Second
	}
	l.Seed = seed
	link := linkemu.New(l)
	defer link.Close()

	registered := make(chan *endpoint.Observer, 1)
	resource := endpoint.HandlerFunc(func(_ context.Context, r *endpoint.Request) *endpoint.Response {
		o, err := r.StartObservation()
		if err != nil {
			return &endpoint.Response{Code: endpoint.BadRequest}
		}
		registered <- o
		return content(first)
	})
	server := endpoint.New(&datagrams{Conn: link.Listen(), peer: virtual.Ship(1), random: rand.New(rand.NewPCG(seed, 1))},
		endpoint.Config{Profile: p, Handler: resource})
	defer server.Wait()
	defer server.Close()
	client := endpoint.New(&datagrams{Conn: link.Dial(virtual.Ship(1)), peer: linkemu.FarAddr(), random: rand.New(rand.NewPCG(seed, 2))},
		endpoint.Config{Profile: p})
	defer client.Wait()
	defer client.Close()

	var mu sync.Mutex
	var bodies []string
	o, err := client.Observe(t.Context(), &endpoint.Request{Code: endpoint.GET}, func(r *endpoint.Response) error {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, string(body))
		return err
	})
	require.NoError(t, err)
	f(link, <-registered, o, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(bodies)
	})
}

// first is the body that answers the registration.
const first = "first"

// content is a response with a body.
func content(body string) *endpoint.Response {
	return &endpoint.Response{Code: endpoint.Content, Body: strings.NewReader(body), Size: int64(len(body))}
}

// datagrams is a socket connected to one peer, which sends some datagrams twice.
type datagrams struct {
	*linkemu.Conn
	peer   net.Addr
	mu     sync.Mutex
	random *rand.Rand
}

// Read implements net.Conn.
func (d *datagrams) Read(p []byte) (int, error) {
	n, _, err := d.ReadFrom(p)
	return n, err
}

// Write implements net.Conn.
func (d *datagrams) Write(p []byte) (int, error) {
	d.mu.Lock()
	twice := d.random.Float64() < 0.2
	d.mu.Unlock()
	if twice {
		if n, err := d.WriteTo(p, d.peer); err != nil {
			return n, err
		}
	}
	return d.WriteTo(p, d.peer)
}

// RemoteAddr implements net.Conn.
func (d *datagrams) RemoteAddr() net.Addr { return d.peer }
