package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A route is one way from a Matrix client to the homeserver.
type route struct {
	name    string
	baseURL string // what the client is configured with
	// transport, if set, makes the transport of a new client: every client that
	// links the gateway has a session of its own.
	transport func() (http.RoundTripper, error)
	watch     *watch
}

// roundTripper makes the transport of a new client, which the watch records.
func (r route) roundTripper() (http.RoundTripper, error) {
	next := http.RoundTripper(http.DefaultTransport)
	if r.transport != nil {
		linked, err := r.transport()
		if err != nil {
			return nil, err
		}
		next = linked
	}
	return r.watch.tap(next), nil
}

// defaultRoutes are those that a plain go test takes.
const defaultRoutes = "direct"

// An opener starts a route to the homeserver at homeserverURL with its files in
// dir, and returns the function that stops it.
type opener func(ctx context.Context, homeserverURL, dir string) (route, func() error, error)

// openers are all routes that there are.
func openers() map[string]opener {
	return map[string]opener{
		"direct": openDirect,
	}
}

// openDirect is the reference: no gateway at all.
func openDirect(_ context.Context, homeserverURL, _ string) (route, func() error, error) {
	return route{baseURL: homeserverURL}, func() error { return nil }, nil
}

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
		r, s, err := open(ctx, w.url(), dir)
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
