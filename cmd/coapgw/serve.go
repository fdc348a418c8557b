//go:build !clientonly

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os/signal"
	"sync"

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
func (c *serveCmd) Run(ctx context.Context, std streams, again reparse, ignored strays) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	signals := hangups()
	defer signal.Stop(signals)
	log, err := newLog(c.Log, std)
	if err != nil {
		return err
	}
	ignored.log(log.Logger)
	process, err := upgrade.Begin(log.each)
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
	warnEmpty(log.Logger, c.PSKFile)
	name := gateway.NewHomeName(c.ServerName)
	version2, err := gateway.Version2(c.Wire, name.Name)
	if err != nil {
		return err
	}
	roots, err := gateway.Roots(c.HomeserverCA)
	if err != nil {
		return fmt.Errorf("--homeserver-ca: %w", err)
	}
	access, err := readAccess(c.Page)
	if err != nil {
		return err
	}
	// What only one process can have open comes after this. An upgrade that fails from here
	// on leaves nobody who serves: what can be wrong with the configuration was found before.
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
	view := newView(status.Serve, c.Page, access, profile, station.Status, nil, state.Store(), log)
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
	homeward := &homeward{homeserver: homeserver, stations: stations, wrap: measured, log: log.Logger}
	if err := homeward.set(c.Serve, roots); err != nil {
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
		name.Roots = homeward.roots.Load
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
	view.options.Ready = homeserverAnswers(homeserver, homeward.roots.Load)
	stop, err := view.start(ctx, func(error) bool { return process.Inherited() })
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	defer stop()
	reloads := &reloader{read: again, signals: signals, live: serveLive, log: log.each, apply: func(now *commands) error {
		c := &now.Serve
		if err := c.check(); err != nil {
			return err
		}
		err := errors.Join(log.reload(c.Log), homeward.reload(c.Serve), view.reload(c.Page))
		guard.SetLimits(c.guardLimits())
		station.SetLimits(c.stationLimits())
		if keyring != nil {
			err = errors.Join(err, keyring.Reload(c.Serve))
			warnEmpty(log.each, c.PSKFile)
		}
		return err
	}}
	unheed, err := reloads.heed(ctx)
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	defer unheed()
	fmt.Fprintf(std.out, "listening on %s://%s\n", scheme, socket.LocalAddr())
	defer log.life(ctx, "serve", c.StopTimeout)()
	return process.Run(ctx, func(ctx context.Context) error { return station.Run(ctx, socket) })
}

// warnEmpty logs that a file of pre-shared keys, which may be "", holds none.
func warnEmpty(log *slog.Logger, file string) {
	if file == "" {
		return
	}
	if psks, err := keys.LoadPSKs(file); err == nil && len(psks) == 0 {
		log.Warn("nobody can connect by PSK: the file of keys is empty, see keygen psk", "file", file)
	}
}

// serveLive are the options that take effect with a reload.
var serveLive = []string{
	"psk-file", "cert", "key", "client-ca", "homeserver-ca", "advertise", "connect-timeout", "response-timeout",
	"max-body", "max-sessions", "max-sessions-per-identity", "idle-lifetime", "rate", "burst", "slow-links", "thumbnails", "status-token-file", "status-cert", "status-key", "log-level",
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
	for _, check := range []func() error{c.Serve.Check, c.Wire.Check, c.Limits.Check, c.Page.Check, c.tracingOptions.Check, c.Log.Check} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}
