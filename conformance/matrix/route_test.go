package matrix

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/matrix/pair"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/keys"
)

// A route is one way from a Matrix client to the homeserver.
type route struct {
	name    string
	baseURL string // what the client is configured with
	// transport, if set, makes the transport of a new client: every client that
	// links the gateway has a session of its own.
	transport func() http.RoundTripper
	watch     *watch
	joins     bool     // it may answer identical requests alike: see package join
	pushes    bool     // its polls do not cross the link: see package observe
	logs      []string // files that the gateway's programs wrote, at level debug
}

// roundTripper makes the transport of a new client, which the watch records.
func (r route) roundTripper() http.RoundTripper {
	if r.transport == nil {
		return r.watch.tap(http.DefaultTransport)
	}
	return r.watch.tap(r.transport())
}

// defaultRoutes are those that a plain go test takes.
const defaultRoutes = "direct,pair,transport"

// An opener starts a route to the homeserver at homeserverURL with its files in
// dir, and returns the function that stops it.
type opener func(ctx context.Context, homeserverURL, dir string) (route, func() error, error)

// openers are all routes that there are.
func openers() map[string]opener {
	return map[string]opener{
		"direct":    openDirect,
		"pair":      openPair,
		"transport": openTransport,
	}
}

// openDirect is the reference: no gateway at all.
func openDirect(_ context.Context, homeserverURL, _ string) (route, func() error, error) {
	return route{baseURL: homeserverURL}, func() error { return nil }, nil
}

// openPair goes through coapgw connect and coapgw serve.
func openPair(ctx context.Context, homeserverURL, dir string) (route, func() error, error) {
	executable, serve, err := startServe(ctx, homeserverURL, dir)
	if err != nil {
		return route{}, nil, err
	}
	connect, err := pair.StartConnect(ctx, executable, dir, serve)
	if err != nil {
		return route{}, nil, errors.Join(err, serve.Stop())
	}
	stop := func() error { return errors.Join(connect.Stop(), serve.Stop()) }
	return route{baseURL: connect.URL(), joins: true, pushes: true, logs: []string{connect.LogPath(), serve.LogPath()}}, stop, nil
}

// openTransport links coap.Transport into every client; the far side is coapgw
// serve.
func openTransport(ctx context.Context, homeserverURL, dir string) (route, func() error, error) {
	_, serve, err := startServe(ctx, homeserverURL, dir)
	if err != nil {
		return route{}, nil, err
	}
	var mu sync.Mutex
	var linked []*coap.Transport
	newTransport := func() http.RoundTripper {
		t := &coap.Transport{Dial: dialer(serve.Addr(), serve.PSK(), listenUDP), Profile: link.Default()}
		mu.Lock()
		defer mu.Unlock()
		linked = append(linked, t)
		return t
	}
	stop := func() error {
		mu.Lock()
		defer mu.Unlock()
		var errs []error
		for _, t := range linked {
			errs = append(errs, t.Close())
		}
		return errors.Join(append(errs, serve.Stop())...)
	}
	// The transport has one peer, so the host in the URL says nothing.
	return route{baseURL: "http://gateway", transport: newTransport, logs: []string{serve.LogPath()}}, stop, nil
}

// startServe builds coapgw and starts its homeserver side with a directory of
// its own.
func startServe(ctx context.Context, homeserverURL, dir string) (string, *pair.Serve, error) {
	executable := filepath.Join(dir, "coapgw")
	if err := pair.Build(ctx, moduleDir, executable); err != nil {
		return "", nil, err
	}
	serve, err := pair.StartServe(ctx, executable, dir, homeserverURL)
	return executable, serve, err
}

// dialer opens DTLS sessions with a pre-shared key, each from a socket of its own.
func dialer(addr string, psk keys.PSK, listen func() (net.PacketConn, error)) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		peer, err := net.ResolveUDPAddr("udp", addr)
		if err != nil {
			return nil, err
		}
		pc, err := listen()
		if err != nil {
			return nil, err
		}
		return dtls.Dial(ctx, pc, peer, dtls.Config{Profile: link.Default(), Identity: psk.Identity, Key: psk.Key})
	}
}

func listenUDP() (net.PacketConn, error) { return net.ListenPacket("udp", "127.0.0.1:0") }

// openRoutes opens the routes of a comma-separated list, each with a watch. An
// unknown name and an empty list are errors: nothing is skipped in silence.
func openRoutes(ctx context.Context, names, homeserverURL, dir string) ([]route, func() error, error) {
	var routes []route
	var stops []func() error
	stop := func() error {
		var errs []error
		for _, s := range slices.Backward(stops) {
			errs = append(errs, s())
		}
		return errors.Join(errs...)
	}
	all := openers()
	for name := range strings.SplitSeq(names, ",") {
		open, ok := all[name]
		if !ok {
			return nil, nil, errors.Join(fmt.Errorf("unknown route %q", name), stop())
		}
		w, err := newWatch(homeserverURL)
		if err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		stops = append(stops, w.close)
		routeDir := filepath.Join(dir, name)
		if err := os.MkdirAll(routeDir, 0o755); err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		r, s, err := open(ctx, w.url(), routeDir)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("route %s: %w", name, err), stop())
		}
		w.begin()
		r.name, r.watch = name, w
		routes, stops = append(routes, r), append(stops, s)
	}
	return routes, stop, nil
}

// eachRoute runs a scenario on every route.
func eachRoute(t *testing.T, scenario func(t *testing.T, r route)) {
	t.Helper()
	for _, r := range bed.routes {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			scenario(t, r)
		})
	}
}
