package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
)

type connectCmd struct {
	config.Connect
	config.State
	config.Link
	config.Wire
	config.Limits
	config.Log
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
func (c *connectCmd) Run(ctx context.Context, std streams) (err error) {
	for _, check := range []func() error{c.Connect.Check, c.Wire.Check, c.Limits.Check} {
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
	advertise, err := optionalURL(c.Advertise)
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
	}
	warnExposed(log, pairingFile, c.PSKKeyFile, c.StationKeyFile, c.Peer.Key, c.TLSKey)
	state, err := gateway.OpenState(c.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	if security != nil {
		security.Store = state.Sessions()
		security.SessionName = strings.Join(addresses, ",") + "/" + security.Identity
	}
	if station != nil {
		station.Store = state.Sessions()
		station.SessionName = strings.Join(addresses, ",") + "/" + station.Station.Call
	}
	version2, err := gateway.Version2(c.Wire, nil)
	if err != nil {
		return err
	}
	dialer := &gateway.Dialer{Routes: gateway.UDPRoutes(addresses...), Security: security, Station: station, Profile: profile, Log: log}
	transport := &coap.Transport{Dial: dialer.Dial, Profile: profile, NoTokens: station != nil, Version2: version2, FoldV3: c.FoldV3, MaxBody: c.MaxBody, Log: log}
	defer func() { err = errors.Join(err, transport.Close()) }()
	listeners, err := c.listen(ctx, std)
	if err != nil {
		return err
	}
	log.Info("the link to the server", "profile", profile.Name, "description", profile.Description)
	carrier := http.RoundTripper(transport)
	if c.KeepAnswers > 0 {
		joined := &join.Transport{Base: transport, Profile: profile, MaxKept: c.KeepAnswers}
		defer func() { err = errors.Join(err, joined.Close()) }()
		carrier = joined
	}
	if c.Push {
		syncer := &observe.Syncer{Base: carrier, Source: transport, Profile: profile, Store: state.Store(), Log: log}
		defer func() { err = errors.Join(err, syncer.Close()) }()
		carrier = syncer
	}
	options := gateway.ConnectOptions{Transport: carrier, Advertise: advertise, MaxBody: c.MaxBody, Log: log}
	handler := http.Handler(gateway.NewConnect(options))
	if station != nil {
		handler = gateway.NewClearConnect(options, station.Station.Key)
	}
	defer notifyReady(ctx, log)()
	return gateway.RunWeb(ctx, handler, c.StopTimeout, log, listeners...)
}

// listen opens what the configuration asks for and says so.
func (c *connectCmd) listen(ctx context.Context, std streams) (listeners []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
		}
	}()
	if c.Listen != "" {
		l, err := gateway.ListenWeb(ctx, c.Listen, c.ListenInsecure)
		if errors.Is(err, gateway.ErrNotLoopback) {
			return nil, fmt.Errorf("--listen: %w; use --https-listen, or accept that with --listen-insecure", err)
		}
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, l)
	}
	if c.HTTPSListen != "" {
		cert, err := gateway.WebCertificate(c.TLSCert, c.TLSKey)
		if err != nil {
			return listeners, err
		}
		l, err := gateway.ListenWebTLS(ctx, c.HTTPSListen, cert)
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, l)
	}
	for i, l := range listeners {
		scheme := "http"
		if i > 0 || c.Listen == "" {
			scheme = "https"
		}
		fmt.Fprintf(std.out, "listening on %s://%s\n", scheme, l.Addr())
	}
	return listeners, nil
}
