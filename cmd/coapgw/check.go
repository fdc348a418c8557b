package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/coapgw/coapgw/internal/checkup"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
)

// checkHelp is shown by both.
const checkHelp = `Takes the options of %[1]s, looks at what they name, and prints a line for each thing: ok, look, or WRONG with what to do. It changes nothing and sends nothing over the constrained link. Exit code: 0 when %[1]s would work, 1 when something is wrong, 2 when the options themselves are.

Example:

  coapgw check %[1]s --config /etc/coapgw/%[1]s.yaml`

type checkConnectCmd struct{ connectCmd }

// Help is shown by check connect --help.
func (checkConnectCmd) Help() string { return fmt.Sprintf(checkHelp, "connect") }

// Run checks.
func (c *checkConnectCmd) Run(ctx context.Context, std streams, ignored strays) error {
	_, err := c.Link.Profile()
	if err := errors.Join(c.check(), err); err != nil {
		return err
	}
	now := time.Now()
	found := append(ignored.findings(), checkup.Clock(now, built()))
	addresses, station, err := gateway.PeerStation(c.Connect)
	if err == nil && station == nil {
		addresses, _, err = gateway.PeerSecurity(c.Peer)
	}
	thing := "server"
	if c.Pairing != "" {
		thing = "pairing"
	}
	switch {
	case err != nil:
		found = append(found, checkup.Finding{Level: checkup.Wrong, Thing: thing, Text: err.Error()})
	default:
		found = append(found, checkup.Server(ctx, thing, addresses))
	}
	pairing, isFile := strings.CutPrefix(c.Pairing, "@")
	for _, secret := range []struct{ thing, file string }{
		{"psk-key-file", c.PSKKeyFile}, {"station-key-file", c.StationKeyFile}, {"key", c.Peer.Key}, {"tls-key", c.TLSKey},
	} {
		if secret.file != "" {
			found = append(found, checkup.Private(secret.thing, secret.file))
		}
	}
	switch {
	case isFile:
		found = append(found, checkup.Private("pairing", pairing))
	case pairing != "" && c.Config != "": // which holds the line, unless the environment does
		found = append(found, checkup.Private("pairing", c.Config))
	}
	if c.Peer.Cert != "" {
		found = append(found, checkup.LinkCertificate("cert", c.Peer.Cert, c.Peer.Key, now))
	}
	if c.CA != "" {
		found = append(found, checkup.Authorities("ca", c.CA, now))
	}
	if c.Connect.Listen != "" {
		found = append(found, checkup.TCP(ctx, "listen", c.Connect.Listen))
	}
	if c.HTTPSListen != "" {
		found = append(found, checkup.TCP(ctx, "https-listen", c.HTTPSListen), checkup.Certificate("tls-cert", c.TLSCert, c.TLSKey, now))
	}
	if c.Advertise == "" {
		found = append(found, checkup.Finding{Level: checkup.Look, Thing: "advertise", Text: "not set: after a login many homeservers send clients to their own address, past the link; give the URL that clients use here"})
	}
	return conclude(std, append(found, shared(ctx, c.State, c.Page, now)...))
}

// shared looks at what both ends have.
func shared(ctx context.Context, state config.State, page config.Page, now time.Time) []checkup.Finding {
	var found []checkup.Finding
	if state.File != "" {
		found = append(found, checkup.State(state))
	}
	if page.Listen == "" {
		return found
	}
	found = append(found, checkup.TCP(ctx, "status-listen", page.Listen))
	if page.TokenFile != "" {
		f := checkup.Private("status-token-file", page.TokenFile)
		if _, err := pageToken(page.TokenFile); err != nil {
			f = checkup.Finding{Level: checkup.Wrong, Thing: f.Thing, Text: err.Error()}
		}
		found = append(found, f)
	}
	if page.Cert != "" {
		found = append(found, checkup.Certificate("status-cert", page.Cert, page.Key, now))
	}
	return found
}

// conclude prints findings; something wrong is an error.
func conclude(std streams, found []checkup.Finding) error {
	switch n, err := checkup.Report(std.out, found); {
	case err != nil:
		return err
	case n == 1:
		return errors.New("one thing is wrong")
	case n > 1:
		return fmt.Errorf("%d things are wrong", n)
	}
	return nil
}

// built is when the source of this build was written, zero where it does not say.
func built() time.Time {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value)
			return t
		}
	}
	return time.Time{}
}
