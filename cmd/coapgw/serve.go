package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
)

type serveCmd struct {
	config.Serve
	config.State
	config.Link
	config.Wire
	config.Limits
	config.Log
}

// Help is shown by serve --help.
func (serveCmd) Help() string {
	return `Runs until SIGTERM or SIGINT. Prints one line with its address when it is ready.

Example: a key for one client, the server, and the line that the client needs:

  coapgw keygen psk --psk-file keys --server gw.example.org:5684
  coapgw serve --homeserver http://127.0.0.1:8008 --psk-file keys

It needs no --link for clients that are coapgw too: each tells its own.

Amateur radio, where encryption is forbidden: a station, whose access token stays here, and the server:

  coapgw keygen station --call OE1XYZ-7 --token-file token --stations stations --station-key-file OE1XYZ-7.key
  coapgw serve --homeserver http://127.0.0.1:8008 --link-security integrity --stations stations`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, std streams) (err error) {
	for _, check := range []func() error{c.Serve.Check, c.Wire.Check, c.Limits.Check} {
		if err := check(); err != nil {
			return err
		}
	}
	log, err := newLog(c.Log, std)
	if err != nil {
		return err
	}
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
	advertise, err := optionalURL(c.Advertise)
	if err != nil {
		return err
	}
	stations, clear, err := gateway.ServerStations(c.Serve)
	if err != nil {
		return err
	}
	security, err := gateway.ServerSecurity(c.Serve)
	if err != nil {
		return err
	}
	warnExposed(log, c.PSKFile, c.Serve.Key, c.Stations)
	state, err := gateway.OpenState(c.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	if security != nil {
		security.Store = state.Sessions()
		security.MaxPerIdentity, security.IdleLifetime = c.MaxPerIdentity, c.IdleLifetime
	}
	options := gateway.ServeOptions{
		Homeserver:      homeserver,
		Advertise:       advertise,
		ConnectTimeout:  c.ConnectTimeout,
		ResponseTimeout: c.ResponseTimeout,
		Log:             log,
	}
	var handler serveHandler
	if clear != nil {
		clear.Store = state.Sessions()
		handler = gateway.NewClearServe(options, stations)
	} else {
		handler = gateway.NewServe(options)
	}
	defer handler.Close()
	name := gateway.NewHomeName(c.ServerName)
	version2, err := gateway.Version2(c.Wire, name.Name)
	if err != nil {
		return err
	}
	if version2 != nil {
		asking, stop := context.WithCancel(ctx)
		var asked sync.WaitGroup
		asked.Go(func() { name.Ask(asking, homeserver, log) })
		defer asked.Wait()
		defer stop()
	}
	socket, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", c.Listen)
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
	defer notifyReady(ctx, log)()
	station := &gateway.Station{
		Handler:     handler,
		Security:    security,
		Stations:    clear,
		Profile:     profile,
		Slowest:     slowest,
		Version2:    version2,
		MaxBody:     c.MaxBody,
		MaxSessions: c.MaxSessions,
		Grace:       c.StopTimeout,
		Log:         log,
	}
	return station.Run(ctx, socket)
}

// serveHandler is a Serve or a ClearServe.
type serveHandler interface {
	http.Handler
	Close()
}

// warnExposed logs which of the secret files others can read.
func warnExposed(log *slog.Logger, names ...string) {
	for _, name := range names {
		var exposed *keys.ExposedError
		if name != "" && errors.As(keys.CheckPrivate(name), &exposed) {
			log.Warn("secret file", "error", exposed)
		}
	}
}

// optionalURL parses a URL; "" is nil.
func optionalURL(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	return url.Parse(raw)
}
