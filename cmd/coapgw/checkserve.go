//go:build !clientonly

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/coapgw/coapgw/internal/checkup"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
)

type checkServeCmd struct{ serveCmd }

// Help is shown by check serve --help.
func (checkServeCmd) Help() string { return fmt.Sprintf(checkHelp, "serve") }

// Run checks.
func (c *checkServeCmd) Run(ctx context.Context, std streams, ignored strays) error {
	profile, err := c.Link.Profile()
	if err != nil {
		return err
	}
	_, err = c.Slowest(profile)
	if err := errors.Join(c.check(), err); err != nil {
		return err
	}
	now := time.Now()
	found := append(ignored.findings(), checkup.Clock(now, built()))
	homeserver, err := url.Parse(c.Homeserver)
	if err != nil {
		return err
	}
	roots, err := gateway.Roots(c.HomeserverCA)
	if c.HomeserverCA != "" {
		found = append(found, checkup.Authorities("homeserver-ca", c.HomeserverCA, now))
	}
	if err == nil {
		found = append(found, checkup.Homeserver(ctx, homeserver, roots)...)
	}
	found = append(found, checkup.UDP(ctx, "listen", c.Serve.Listen))
	if c.PSKFile != "" {
		found = append(found, pskFindings(c.PSKFile)...)
	}
	if c.Stations != "" {
		found = append(found, checkup.Private("stations", c.Stations))
	}
	if c.Serve.Cert != "" {
		found = append(found, checkup.LinkCertificate("cert", c.Serve.Cert, c.Serve.Key, now), checkup.Private("key", c.Serve.Key))
	}
	if c.ClientCA != "" {
		found = append(found, checkup.Authorities("client-ca", c.ClientCA, now))
	}
	if _, _, err := gateway.ServerStations(c.Serve); err != nil {
		found = append(found, checkup.Finding{Level: checkup.Wrong, Thing: "stations", Text: err.Error()})
	}
	return conclude(std, append(found, shared(ctx, c.State, c.Page, now)...))
}

// pskFindings reads the pre-shared keys.
func pskFindings(file string) []checkup.Finding {
	const thing = "psk-file"
	psks, err := keys.LoadPSKs(file)
	switch {
	case err != nil:
		return []checkup.Finding{{Level: checkup.Wrong, Thing: thing, Text: err.Error()}}
	case len(psks) == 0:
		return []checkup.Finding{{Level: checkup.Wrong, Thing: thing, Text: file + " holds no key: make one with keygen psk"}}
	}
	return []checkup.Finding{{Thing: thing, Text: fmt.Sprintf("identities with a key: %d", len(psks))}, checkup.Private(thing, file)}
}
