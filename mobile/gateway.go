package mobile

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coapgw/coapgw/client"
	"github.com/coapgw/coapgw/pairing"
)

// Gateway carries requests to the homeserver of a pairing. Open makes one; any other is
// closed.
type Gateway struct {
	config Config
	client *client.Client
	state  *state // nil: nothing outlives the process
	log    *slog.Logger
	watch  watch

	// life has one change of phase at a time. It is taken before mu.
	life  sync.Mutex
	local *local // nil: not started

	mu    sync.Mutex
	phase phase
	calls map[*call]struct{}
	// changed is told of both.
	changed *sync.Cond
	// following are the rooms that are followed.
	following sync.WaitGroup
}

// phase is what a Gateway is at.
type phase uint8

const (
	closed phase = iota
	awake
	// drowsy: what is under way may finish, nothing new begins.
	drowsy
	asleep
)

// Open readies a Gateway; the first request opens the session, or goes on with the one that
// config.StateDir holds. config may be nil, and is not used afterwards. line is what coapgw
// keygen psk printed; it holds a key, so an app keeps it in the system's key store.
//
// Open reads files; it does not wait for the network.
func Open(line string, config *Config) (*Gateway, error) {
	if config == nil {
		config = NewConfig()
	}
	c := *config
	if err := c.check(); err != nil {
		return nil, err
	}
	if _, err := pairing.Parse(line); err != nil {
		return nil, failure(ErrorPairing, "%w", err)
	}
	log, err := c.log()
	if err != nil {
		return nil, err
	}
	g := &Gateway{config: c, log: log, phase: awake, calls: make(map[*call]struct{})}
	g.watch.state = StateIdle
	g.changed = sync.NewCond(&g.mu)
	if g.state, err = openState(&c); err != nil {
		return nil, err
	}
	o := client.Options{Link: c.Link, Socket: c.socket, MaxBody: c.MaxBody, Recover: true, Log: log}
	if g.state != nil {
		o.Store = g.state
	}
	if g.client, err = client.Open(line, o); err != nil {
		return nil, errors.Join(failure(ErrorConfig, "%w", err), g.state.close())
	}
	return g, nil
}

// call is a request under way.
type call struct {
	cancel context.CancelCauseFunc
	poll   bool
}

// enter counts a request, whose context it returns.
func (g *Gateway) enter(r *http.Request) (*call, context.Context, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.phase {
	case closed:
		return nil, nil, errClosed
	case drowsy, asleep:
		return nil, nil, errSuspended
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	c := &call{cancel, isPoll(r)}
	g.calls[c] = struct{}{}
	return c, ctx, nil
}

// leave ends the count of a request.
func (g *Gateway) leave(c *call) {
	c.cancel(context.Canceled)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.calls, c)
	g.changed.Broadcast()
}

// isPoll reports whether a homeserver may hold the request until there is news: /sync, also
// the sliding ones, which are a POST (MSC4186).
func isPoll(r *http.Request) bool {
	query := r.URL.Query()
	switch query.Get("timeout") {
	case "", "0":
		return false
	}
	return strings.HasSuffix(r.URL.Path, "/sync") && query.Get("since")+query.Get("pos") != ""
}

// carry makes a request. The body of its answer must be closed. Errors are errSuspended and
// errClosed, those of client.Client, or the request context's own.
func (g *Gateway) carry(r *http.Request) (*http.Response, error) {
	c, ctx, err := g.enter(r)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	g.watch.asked()
	begun := time.Now()
	resp, err := g.client.RoundTrip(r.WithContext(ctx))
	g.watch.answered(err, g.client.Status().Heard.After(begun))
	if err != nil {
		g.leave(c)
		return nil, cause(ctx, err)
	}
	resp.Body = &body{resp.Body, ctx, sync.OnceFunc(func() { g.leave(c) })}
	return resp, nil
}

// cause is why a request has failed: err, unless the gateway has given it up.
func cause(ctx context.Context, err error) error {
	why := context.Cause(ctx)
	switch {
	case errors.Is(why, errSuspended), errors.Is(err, client.ErrSuspended):
		return errSuspended
	case errors.Is(why, errClosed), errors.Is(err, client.ErrClosed):
		return errClosed
	}
	return err
}

// body is that of an answer; the request is under way until it is closed.
type body struct {
	io.ReadCloser
	ctx   context.Context
	leave func()
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = cause(b.ctx, err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	defer b.leave()
	return b.ReadCloser.Close()
}

// carrier is a Gateway as an http.RoundTripper, which no app needs to see.
type carrier struct{ g *Gateway }

// RoundTrip implements http.RoundTripper.
func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c.g.carry(r) }
