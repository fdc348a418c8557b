package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/coapgw/coapgw/conformance/recorder"
)

// A watch records all traffic of one route at both of its ends: between the
// clients and the gateway, and between the gateway and the homeserver.
type watch struct {
	server *httptest.Server
	arrive *recorder.Recorder

	mu   sync.Mutex
	taps []*recorder.Tap
}

// newWatch puts a recorder in front of the homeserver.
func newWatch(homeserverURL string) (*watch, error) {
	target, err := url.Parse(homeserverURL)
	if err != nil {
		return nil, err
	}
	arrive := recorder.New(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			// ReverseProxy drops query parameters that net/url cannot parse.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
		},
		// No compression: what is recorded is what the homeserver meant.
		Transport: &http.Transport{DisableCompression: true},
	})
	return &watch{arrive: arrive, server: httptest.NewServer(arrive)}, nil
}

// url is where the gateway finds the homeserver.
func (w *watch) url() string { return w.server.URL }

// tap records what a client sends over next.
func (w *watch) tap(next http.RoundTripper) http.RoundTripper {
	tap := recorder.NewTap(next)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taps = append(w.taps, tap)
	return tap
}

// close ends the recorder in front of the homeserver. It waits for the requests
// that are still being answered.
func (w *watch) close() error {
	w.server.Close()
	return nil
}

// begin forgets what the start of the route sent by itself until now.
func (w *watch) begin() { w.arrive.Take() }

// verify compares everything that the clients saw with what the homeserver saw,
// and returns how many exchanges that were; those of /sync are left out on a route that
// pushes, where neither end's polls are the other's (conformance/push). joins says that the route may answer
// identical requests alike. Call it after close.
func (w *watch) verify(joins, pushes bool) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var sent []recorder.Exchange
	for _, tap := range w.taps {
		sent = append(sent, tap.Exchanges()...)
	}
	match := recorder.Match
	if joins {
		match = recorder.MatchJoined
	}
	arrived := slices.DeleteFunc(w.arrive.Exchanges(), ofGateway)
	if pushes {
		sent, arrived = slices.DeleteFunc(sent, isSync), slices.DeleteFunc(arrived, isSync)
	}
	pairs, err := match(sent, arrived)
	errs := []error{err}
	for _, p := range pairs {
		if p.Client.Err != nil || p.Server.Err != nil {
			errs = append(errs, fmt.Errorf("%s %s: cut short: client %v, homeserver %v",
				p.Client.Request.Method, p.Client.Request.URI, p.Client.Err, p.Server.Err))
			continue
		}
		there := recorder.CompareRequests(p.Client.Request, p.Server.Request)
		back := recorder.CompareResponses(p.Server.Response, p.Client.Response)
		back.Faults = slices.DeleteFunc(back.Faults, advertised)
		for name, d := range map[string]recorder.Diff{"request": there, "response": back} {
			if err := unchanged(d); err != nil {
				errs = append(errs, fmt.Errorf("%s of %s %s: %w", name, p.Client.Request.Method, p.Client.Request.URI, err))
			}
		}
	}
	return len(pairs), errors.Join(errs...)
}

// ofGateway reports whether an exchange is the one that coapgw serve has with the
// homeserver on its own account: it asks for its name while clients are served already,
// so begin may be too early to forget it.
func ofGateway(e recorder.Exchange) bool {
	return e.Request.Method == http.MethodGet && e.Request.URI == "/_matrix/key/v2/server"
}

// isSync reports whether an exchange is a poll.
func isSync(e recorder.Exchange) bool {
	path, _, _ := strings.Cut(e.Request.URI, "?")
	return e.Request.Method == http.MethodGet && strings.HasPrefix(path, "/_matrix/client/") && strings.HasSuffix(path, "/sync")
}

// leaks returns an error for every log in which a credential of a client shows.
func (w *watch) leaks(logs []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	secrets := map[string]struct{}{password: {}}
	for _, tap := range w.taps {
		for _, e := range tap.Exchanges() {
			if token, ok := strings.CutPrefix(e.Request.Header.Get("Authorization"), "Bearer "); ok && len(token) > len("wrong") {
				secrets[token] = struct{}{}
			}
		}
	}
	var errs []error
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for secret := range secrets {
			if bytes.Contains(text, []byte(secret)) {
				errs = append(errs, fmt.Errorf("%s holds a password or an access token", name))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// unchanged demands more than the same meaning: the same order of members.
func unchanged(d recorder.Diff) error {
	if err := d.Err(); err != nil {
		return err
	}
	if len(d.Reordered) > 0 {
		return fmt.Errorf("members in another order in %q", d.Reordered)
	}
	return nil
}

// advertised tells whether a fault is the one thing that the gateway adds: the
// unstable feature of MSC3079 in the answer to /versions.
func advertised(fault string) bool {
	return fault == `body "/unstable_features": member "org.matrix.msc3079.low_bandwidth" came from nowhere`
}
