//go:build !clientonly

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os/signal"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/answers"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/status"
	"github.com/coapgw/coapgw/internal/upgrade"
)

type serveCmd struct {
	configFile
	config.Serve
	config.State
	config.Link
	config.Wire
	config.Limits
	config.Page
	tracingOptions
	config.Log
}

// Help is shown by serve --help.
func (serveCmd) Help() string {
	return `Runs until SIGTERM or SIGINT. Prints one line with its address when it is ready. On SIGUSR2 it has a new process of the same program take over.

Example: a key for one client, the server, and the line that the client needs:

  coapgw keygen psk --psk-file keys --server gw.example.org:5684
  coapgw serve --homeserver http://127.0.0.1:8008 --psk-file keys

It needs no --link for clients that are coapgw too: each tells its own.

Amateur radio, where encryption is forbidden: a station, whose access token stays here, and the server:

  coapgw keygen station --call OE1XYZ-7 --token-file token --stations stations --station-key-file OE1XYZ-7.key
  coapgw serve --homeserver http://127.0.0.1:8008 --link-security integrity --stations stations`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, std streams, again reparse) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	signals := hangups()
	defer signal.Stop(signals)
	log, err := newLog(c.Log, std)
	if err != nil {
		return err
	}
	process, err := upgrade.Begin(log.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.Close()) }() // after all that is opened below
	profile, err := c.Link.Profile()
	if err != nil {
		return err
	}
	slowest, err := c.Slowest(profile)
	if err != nil {
		return err
	}
	homeserver, err := url.Parse(c.Homeserver)
	if err != nil {
		return err
	}
	stations, clear, err := gateway.ServerStations(c.Serve)
	if err != nil {
		return err
	}
	keyring, security, err := gateway.NewSecurity(c.Serve)
	if err != nil {
		return err
	}
	warnExposed(log.Logger, c.PSKFile, c.Serve.Key, c.Stations, c.Page.TokenFile, c.Page.Key)
	name := gateway.NewHomeName(c.ServerName)
	version2, err := gateway.Version2(c.Wire, name.Name)
	if err != nil {
		return err
	}
	// What only one process can have open comes after this.
	if err := process.Inherit(); err != nil {
		return err
	}
	state, err := gateway.OpenState(c.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	if security != nil {
		security.Store = state.Sessions()
		security.MaxPerIdentity, security.IdleLifetime = c.MaxPerIdentity, c.IdleLifetime
	}
	roots, err := gateway.Roots(c.HomeserverCA)
	if err != nil {
		return fmt.Errorf("--homeserver-ca: %w", err)
	}
	name.RootCAs = roots
	station := &gateway.Station{
		Security:    security,
		Stations:    clear,
		Profile:     profile,
		Slowest:     slowest,
		MaxBody:     c.MaxBody,
		MaxSessions: c.MaxSessions,
		Grace:       c.StopTimeout,
		Recover:     recovers(),
		Log:         log.Logger,
	}
	view := newView(status.Serve, c.Page, profile, station.Status, nil, state.Store(), log)
	station.Recorder = view.recorder()
	if security != nil {
		security.Meter = &view.handshakes
	}
	if clear != nil {
		clear.Store = state.Sessions()
	}
	spans, err := c.tracingOptions.open(ctx, status.Serve, log.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spans.close()) }()
	measured := func(next http.RoundTripper) http.RoundTripper { return spans.Homeserver(view.metrics.Homeserver(next)) }
	homeward := &homeward{homeserver: homeserver, roots: roots, stations: stations, wrap: measured, log: log.Logger}
	if err := homeward.set(c.Serve); err != nil {
		return err
	}
	defer homeward.close()
	remembering, err := c.remember(&homeward.Switch, state.Store(), log.Logger)
	if err != nil {
		return err
	}
	guard := gateway.NewGuard(spans.Middleware(view.counted(remembering)), gateway.GuardOptions{
		Paths: c.Paths, Limits: c.guardLimits(), Refused: view.refused, Log: log.Logger,
	})
	station.Handler, station.Version2 = guard, version2
	if version2 != nil {
		asking, stop := context.WithCancel(ctx)
		var asked sync.WaitGroup
		asked.Go(func() { name.Ask(asking, homeserver, log.Logger) })
		defer asked.Wait()
		defer stop()
	}
	socket, err := process.Socket(ctx, c.Serve.Listen)
	if err != nil {
		return err
	}
	scheme := "coaps"
	switch {
	case clear != nil:
		scheme = config.ClearScheme
	case security == nil:
		scheme = "coap"
		log.Warn("serving WITHOUT encryption: anyone on the path reads and changes everything")
	}
	fmt.Fprintf(std.out, "listening on %s://%s\n", scheme, socket.LocalAddr())
	view.options.Ready = homeserverAnswers(homeserver, roots)
	stop, err := view.start(ctx, "")
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	defer stop()
	reloads := &reloader{read: again, signals: signals, live: serveLive, log: log.Logger, apply: func(now *commands) error {
		c := &now.Serve
		if err := c.check(); err != nil {
			return err
		}
		err := errors.Join(log.reload(c.Log), homeward.set(c.Serve), view.reload(c.Page))
		guard.SetLimits(c.guardLimits())
		station.SetLimits(c.stationLimits())
		if keyring != nil {
			err = errors.Join(err, keyring.Reload(c.Serve))
		}
		return err
	}}
	unheed, err := reloads.heed(ctx)
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	defer unheed()
	return process.Run(ctx, func(ctx context.Context) error { return station.Run(ctx, socket) })
}

// serveLive are the options that take effect with a reload.
var serveLive = []string{
	"psk-file", "cert", "key", "client-ca", "advertise", "connect-timeout", "response-timeout",
	"max-body", "max-sessions", "max-sessions-per-identity", "idle-lifetime", "rate", "burst", "slow-links", "thumbnails", "status-cert", "status-key", "log-level",
}

// stationLimits are what sessions may take.
func (c *serveCmd) stationLimits() gateway.StationLimits {
	return gateway.StationLimits{
		MaxBody:  c.MaxBody,
		Sessions: dtls.Limits{MaxSessions: c.MaxSessions, MaxPerIdentity: c.MaxPerIdentity, IdleLifetime: c.IdleLifetime},
	}
}

// guardLimits are what each peer may ask; what cannot be configured has its default.
func (c *serveCmd) guardLimits() gateway.Limits {
	if c.Rate == 0 {
		return gateway.Limits{Rate: -1}
	}
	return gateway.Limits{Rate: c.Rate, Burst: c.Burst}
}

// check reports the first thing wrong with the configuration.
func (c *serveCmd) check() error {
	for _, check := range []func() error{c.Serve.Check, c.Wire.Check, c.Limits.Check, c.Page.Check, c.tracingOptions.Check} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// homeward takes requests to the homeserver, as the configuration says at the time.
type homeward struct {
	gateway.Switch
	homeserver *url.URL
	roots      *x509.CertPool
	stations   []keys.Station // nil where the link is encrypted
	wrap       func(http.RoundTripper) http.RoundTripper
	log        *slog.Logger
	current    serveHandler
}

// set has requests go as cfg says from now on.
func (h *homeward) set(cfg config.Serve) error {
	advertise, err := optionalURL(cfg.Advertise)
	if err != nil {
		return err
	}
	options := gateway.ServeOptions{
		Homeserver:      h.homeserver,
		RootCAs:         h.roots,
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
func homeserverAnswers(homeserver *url.URL, roots *x509.CertPool) func(context.Context) error {
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
			err = askHomeserver(homeserver, roots)
			last = time.Now()
		}
		return err
	}
}

// askHomeserver asks a homeserver for its versions, and says why it is none.
func askHomeserver(homeserver *url.URL, roots *x509.CertPool) error {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, homeserver.JoinPath("/_matrix/client/versions").String(), nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the homeserver answers %s", res.Status)
	}
	return nil
}

// askTimeout bounds the wait for a homeserver that is asked whether it is there.
const askTimeout = 3 * time.Second

// serveHandler is a Serve or a ClearServe.
type serveHandler interface {
	http.Handler
	Close()
}
