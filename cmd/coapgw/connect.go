package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os/signal"
	"strings"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/outbox"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/dtls/dialer"
	"github.com/coapgw/coapgw/integrity"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/status"
)

type connectCmd struct {
	configFile
	config.Connect
	config.Policy
	config.Outbox
	config.State
	config.Link
	config.Wire
	config.Limits
	config.Page
	tracingOptions
	config.Log
}

func newConnectCmd(d config.Config) connectCmd {
	return connectCmd{Connect: d.Connect, Policy: d.Policy, Page: d.Page, tracingOptions: newTracingOptions(d), Link: d.Link, Wire: d.Wire, Limits: d.Limits, Log: d.Log}
}

// Help is shown by connect --help.
func (connectCmd) Help() string {
	return `Runs until SIGTERM or SIGINT. Prints one line for each address when it is ready. Point the Matrix client at that address instead of its homeserver.

Example: with the pairing line of the server's operator in a file:

  coapgw connect --pairing @boat.pairing

For phones on the same network, HTTPS with a certificate of the household:

  coapgw keygen ca --cert ca.pem --key ca.key
  coapgw keygen cert --ca ca.pem --ca-key ca.key --name gw.boat --cert gw.pem --key gw.key
  coapgw connect --pairing @boat.pairing --https-listen :8448 --tls-cert gw.pem --tls-key gw.key --advertise https://gw.boat:8448

Amateur radio, where encryption is forbidden: log in with the password that keygen station printed.

  coapgw connect --link-security integrity --station OE1XYZ-7 --station-key-file OE1XYZ-7.key --server coap+integrity://gw.example.org --link vhf-ax25-1200`
}

// Run serves until ctx ends.
func (c *connectCmd) Run(ctx context.Context, std streams, again reparse, ignored strays) (err error) {
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
	profile, err := c.Link.Profile()
	if err != nil {
		return err
	}
	addresses, station, err := gateway.PeerStation(c.Connect)
	if err != nil {
		return err
	}
	var security *dtls.Config
	if station == nil {
		if addresses, security, err = gateway.PeerSecurity(c.Peer); err != nil {
			return err
		}
	}
	pairingFile, isFile := strings.CutPrefix(c.Pairing, "@")
	if !isFile {
		pairingFile = ""
		if c.Pairing != "" {
			pairingFile = c.Config // which holds the line, unless the environment does
		}
	}
	warnExposed(log.Logger, pairingFile, c.PSKKeyFile, c.StationKeyFile, c.Peer.Key, c.TLSKey, c.Page.TokenFile, c.Page.Key)
	access, err := readAccess(c.Page)
	if err != nil {
		return err
	}
	state, err := gateway.OpenState(c.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	if station != nil {
		station.Store = state.Sessions()
		station.SessionName = dialer.SessionName(addresses, station.Station.Call)
	}
	version2, err := gateway.Version2(c.Wire, nil)
	if err != nil {
		return err
	}
	dial := &gateway.Dialer{Routes: gateway.UDPRoutes(addresses...), Security: security, Station: station, Profile: profile, Log: log.Logger}
	transport := &coap.Transport{Dial: dial.Dial, Profile: profile, NoTokens: station != nil, Version2: version2, FoldV3: c.FoldV3, MaxBody: c.MaxBody, Recover: recovers(), Log: log.Logger}
	var box *outbox.Transport
	if c.Outbox.Enabled {
		box = &outbox.Transport{}
	}
	view := newView(status.Connect, c.Page, access, profile, transport.Status, box, state.Store(), log)
	transport.Recorder = view.recorder()
	if security != nil {
		equip(security, addresses, state, &view.handshakes)
	}
	spans, err := c.tracingOptions.open(ctx, status.Connect, log.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spans.close()) }()
	carrier, err := c.newStack(transport, spans.Link(transport), profile, box, state.Store(), log.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, carrier.Close()) }()
	listeners, cert, err := c.listen(ctx)
	if err != nil {
		return err
	}
	log.Info("the link to the server", "profile", profile.Name, "description", profile.Description)
	if profile == link.Default() {
		log.Info("nothing breaks a silence on this link: behind a NAT that forgets, what is new waits for the next request; --link base=default,keepalive=25s")
	}
	view.options.Ready = sessionOpens(transport.Status)
	view.options.Actions.Rehandshake = func(context.Context) error {
		transport.Renew()
		return nil
	}
	view.controls(carrier.policy)
	stop, err := view.start(ctx, view.taken(config.Default().Page.Listen))
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	defer stop()
	front := &front{transport: carrier, station: station, log: log.Logger}
	if err := front.set(c); err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	reloads := &reloader{read: again, signals: signals, live: connectLive, log: log.each, apply: func(now *commands) error {
		c := &now.Connect
		if err := c.check(); err != nil {
			return err
		}
		transport.SetMaxBody(c.MaxBody)
		err := errors.Join(log.reload(c.Log), front.set(c), view.reload(c.Page))
		if cert != nil && c.TLSCert != "" {
			err = errors.Join(err, cert.Reload(c.TLSCert, c.TLSKey))
		}
		if security == nil {
			return err
		}
		addresses, renewed, failed := gateway.PeerSecurity(c.Peer)
		if failed != nil || renewed == nil {
			return errors.Join(err, failed)
		}
		equip(renewed, addresses, state, &view.handshakes)
		dial.Renew(gateway.UDPRoutes(addresses...), renewed)
		return err
	}}
	unheed, err := reloads.heed(ctx)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	defer unheed()
	for i, l := range listeners {
		scheme := "http"
		if i > 0 || c.Connect.Listen == "" {
			scheme = "https"
		}
		fmt.Fprintf(std.out, "listening on %s://%s\n", scheme, l.Addr())
	}
	defer log.life(ctx, "connect", c.StopTimeout)()
	if carrier.syncer != nil { // or RunWeb would wait for the polls that it holds
		defer context.AfterFunc(ctx, carrier.syncer.Retire)()
	}
	defer notifyReady(ctx, log.Logger)()
	return gateway.RunWeb(ctx, spans.Middleware(view.counted(&front.Switch)), c.StopTimeout, log.Logger, listeners...)
}

// connectLive are the options that take effect with a reload; those about the server when the
// next session is opened.
var connectLive = []string{
	"server", "pairing", "psk-identity", "psk-key-file", "cert", "key", "ca", "fingerprint",
	"max-body", "advertise", "tls-cert", "tls-key", "status-token-file", "status-cert", "status-key", "log-level",
}

// equip has sessions with the server of these addresses outlive the program, where there is a
// state file; meter counts their handshakes, and what panics over a datagram drops that alone.
func equip(security *dtls.Config, addresses []string, state *gateway.State, meter *dtls.Meter) {
	security.Store = state.Sessions()
	security.SessionName = dialer.SessionName(addresses, security.Identity)
	security.Meter = meter
	security.Recover = recovers()
}

// front takes the requests of clients, as the configuration says at the time.
type front struct {
	gateway.Switch
	transport http.RoundTripper
	station   *integrity.Config // nil where the link is encrypted
	log       *slog.Logger
}

// set has requests go as c says from now on.
func (f *front) set(c *connectCmd) error {
	advertise, err := optionalURL(c.Advertise)
	if err != nil {
		return err
	}
	options := gateway.ConnectOptions{Transport: f.transport, Advertise: advertise, Names: c.Names, MaxBody: c.MaxBody, Log: f.log}
	if f.station != nil {
		f.Set(gateway.NewClearConnect(options, f.station.Station.Key))
		return nil
	}
	f.Set(gateway.NewConnect(options))
	return nil
}

// check reports the first thing wrong with the configuration.
func (c *connectCmd) check() error {
	for _, check := range []func() error{c.Connect.Check, c.Policy.Check, c.Wire.Check, c.Limits.Check, c.Page.Check, c.tracingOptions.Check, c.Log.Check} {
		if err := check(); err != nil {
			return err
		}
	}
	return c.Outbox.Check(c.State)
}

func closeAll(listeners []net.Listener) error {
	var err error
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}

// listen opens what the configuration asks for, plain HTTP first.
func (c *connectCmd) listen(ctx context.Context) (listeners []net.Listener, cert *gateway.WebCertificate, err error) {
	defer func() {
		if err != nil {
			_ = closeAll(listeners)
		}
	}()
	if c.Connect.Listen != "" {
		l, err := gateway.ListenWeb(ctx, c.Connect.Listen, c.ListenInsecure)
		if errors.Is(err, gateway.ErrNotLoopback) {
			return nil, nil, fmt.Errorf("--listen: %w; use --https-listen, or accept that with --listen-insecure", err)
		}
		if err != nil {
			return nil, nil, err
		}
		listeners = append(listeners, l)
	}
	if c.HTTPSListen != "" {
		if cert, err = gateway.NewWebCertificate(c.TLSCert, c.TLSKey); err != nil {
			return listeners, nil, err
		}
		l, err := gateway.ListenWebTLS(ctx, c.HTTPSListen, cert)
		if err != nil {
			return listeners, nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, cert, nil
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
