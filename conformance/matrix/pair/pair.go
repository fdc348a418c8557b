// Package pair runs the two sides of the gateway, coapgw serve and coapgw
// connect, as the processes that users run.
package pair

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/program"
	"github.com/coapgw/coapgw/internal/keys"
)

const (
	readyTimeout = 30 * time.Second // a handshake that is lost at first is repeated
	stopTimeout  = 20 * time.Second // longer than coapgw itself waits for requests
)

// Build compiles coapgw of the module in moduleDir into the executable out. The
// race detector is on: a program that saw a data race ends with an error, which
// Stop reports.
func Build(ctx context.Context, moduleDir, out string) error {
	return program.Build(ctx, moduleDir, "./cmd/coapgw", out, "-race")
}

// A Serve is a running coapgw serve with the key of one client.
type Serve struct {
	program *program.Program
	pairing keys.Pairing
}

// StartServe runs coapgw serve in front of the homeserver, with its files in
// dir. Nothing can tell from outside when a UDP server listens, so it may not be
// ready yet when StartServe returns; a client repeats its handshake. The caller
// must call Stop.
func StartServe(executable, dir, homeserverURL string) (*Serve, error) {
	addr, err := program.FreeAddr()
	if err != nil {
		return nil, fmt.Errorf("start coapgw serve: %w", err)
	}
	psk := keys.NewPSK()
	pskFile := filepath.Join(dir, "psk.txt")
	if err := keys.AppendPSK(pskFile, psk); err != nil {
		return nil, fmt.Errorf("start coapgw serve: %w", err)
	}
	p, err := program.Start(program.Config{
		Name: "coapgw serve",
		Path: executable,
		Args: []string{
			"serve", "--homeserver", homeserverURL, "--listen", addr, "--psk-file", pskFile, "--log-level", "debug",
		},
		LogPath: filepath.Join(dir, "serve.log"),
	})
	if err != nil {
		return nil, err
	}
	return &Serve{program: p, pairing: keys.Pairing{Addresses: []string{addr}, PSK: psk}}, nil
}

// Addr is the UDP address that the server listens on.
func (s *Serve) Addr() string { return s.pairing.Addresses[0] }

// PSK is the key that the server accepts.
func (s *Serve) PSK() keys.PSK { return s.pairing.PSK }

// Ready waits until check, which uses the server, succeeds.
func (s *Serve) Ready(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return s.program.Ready(ctx, check)
}

// Stop ends the server and waits for it.
func (s *Serve) Stop() error { return s.program.Stop(stopTimeout) }

// A Connect is a running coapgw connect.
type Connect struct {
	url     string
	program *program.Program
}

// StartConnect runs coapgw connect towards a server that was started, with its
// files in dir, and waits until it answers from the homeserver. The caller must
// call Stop.
func StartConnect(ctx context.Context, executable, dir string, server *Serve) (*Connect, error) {
	addr, err := program.FreeAddr()
	if err != nil {
		return nil, fmt.Errorf("start coapgw connect: %w", err)
	}
	line, err := server.pairing.Secret()
	if err != nil {
		return nil, fmt.Errorf("start coapgw connect: %w", err)
	}
	pairingFile := filepath.Join(dir, "pairing.txt")
	if err := os.WriteFile(pairingFile, []byte(line+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("start coapgw connect: %w", err)
	}
	p, err := program.Start(program.Config{
		Name:    "coapgw connect",
		Path:    executable,
		Args:    []string{"connect", "--pairing", "@" + pairingFile, "--listen", addr, "--log-level", "debug"},
		LogPath: filepath.Join(dir, "connect.log"),
	})
	if err != nil {
		return nil, err
	}
	c := &Connect{url: "http://" + addr, program: p}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := p.Ready(ctx, program.HTTPReady(nil, c.url+"/_matrix/client/versions")); err != nil {
		_ = p.Stop(stopTimeout) // err says what is wrong
		return nil, err
	}
	return c, nil
}

// URL is the base URL for clients, without a trailing slash.
func (c *Connect) URL() string { return c.url }

// Stop ends the program and waits for it.
func (c *Connect) Stop() error { return c.program.Stop(stopTimeout) }
