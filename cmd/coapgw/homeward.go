//go:build !clientonly

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coapgw/coapgw/coap/answers"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
)

// homeward takes requests to the homeserver, as the configuration says at the time.
type homeward struct {
	gateway.Switch
	homeserver *url.URL
	// roots are those of the latest set.
	roots    atomic.Pointer[x509.CertPool]
	stations []keys.Station // nil where the link is encrypted
	wrap     func(http.RoundTripper) http.RoundTripper
	log      *slog.Logger
	current  serveHandler
}

// reload has requests go as cfg says from now on. After an error they go as before.
func (h *homeward) reload(cfg config.Serve) error {
	roots, err := gateway.Roots(cfg.HomeserverCA)
	if err != nil {
		return fmt.Errorf("--homeserver-ca: %w", err)
	}
	return errors.Join(h.set(cfg, roots), h.sameStations(cfg.Stations))
}

// errStations: the numbers of sessions are those of stations, so that they are made anew.
var errStations = errors.New("--stations: what changed counts after a restart or an upgrade (SIGUSR2)")

// sameStations says where the file of stations is another one than at the start.
func (h *homeward) sameStations(file string) error {
	if h.stations == nil {
		return nil
	}
	stations, err := keys.LoadStations(file)
	if err == nil && !reflect.DeepEqual(stations, h.stations) {
		return errStations
	}
	return err
}

// set is reload with the authorities of --homeserver-ca.
func (h *homeward) set(cfg config.Serve, roots *x509.CertPool) error {
	advertise, err := optionalURL(cfg.Advertise)
	if err != nil {
		return err
	}
	options := gateway.ServeOptions{
		Homeserver:      h.homeserver,
		RootCAs:         roots,
		Advertise:       advertise,
		ConnectTimeout:  cfg.ConnectTimeout,
		ResponseTimeout: cfg.ResponseTimeout,
		Wrap:            h.wrap,
		Log:             h.log,
	}
	if cfg.SlowLinks {
		options.SlowLinks = &gateway.SlowLinks{Thumbnails: cfg.Thumbnails}
	}
	next := serveHandler(gateway.NewServe(options))
	if h.stations != nil {
		next = gateway.NewClearServe(options, h.stations)
	}
	h.Set(next)
	h.roots.Store(roots)
	h.close()
	h.current = next
	return nil
}

// close gives back connections to the homeserver that nobody uses.
func (h *homeward) close() {
	if h.current != nil {
		h.current.Close()
	}
}

// remember has a handler execute no transaction again whose answer is in the store; without
// one it is the handler alone.
func (c *serveCmd) remember(h http.Handler, store session.Store, log *slog.Logger) (http.Handler, error) {
	if store == nil {
		return h, nil
	}
	book := &answers.Book{Store: store, Prefix: answersPrefix}
	if err := book.Open(); err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	return &answers.Handler{Next: h, Book: book, Linger: min(c.StopTimeout, longestLinger), Log: log}, nil
}

const (
	// answersPrefix is where in the state file answers are.
	answersPrefix = "answers/"
	// longestLinger is for how long the homeserver may go on with what nobody waits for. It
	// is within the time that the program takes to stop.
	longestLinger = 10 * time.Second
)

// homeserverAnswers says why serve is of no use: its homeserver does not answer. It asks
// once in a while, however often it is asked: probes are for everyone.
func homeserverAnswers(homeserver *url.URL, roots func() *x509.CertPool) func(context.Context) error {
	const holds = 5 * time.Second
	var (
		mu   sync.Mutex
		last time.Time
		err  error
	)
	return func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) > holds {
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			defer cancel()
			_, err = gateway.Probe(ctx, homeserver, roots())
			last = time.Now()
		}
		return err
	}
}

// askTimeout bounds the wait for a homeserver that is asked whether it is there.
const askTimeout = 3 * time.Second

// serveHandler is a Serve or a ClearServe.
type serveHandler interface {
	http.Handler
	Close()
}
