// Package pair runs the two sides of the gateway, coapgw serve and coapgw
// connect, as the processes that users run.
package pair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/program"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/pairing"
)

const (
	// Safety nets: a busy machine is far from them.
	readyTimeout = 2 * time.Minute
	stopTimeout  = time.Minute // longer than coapgw itself waits for requests
)

// Build compiles coapgw of the module in moduleDir into the executable out. The
// race detector is on: a program that saw a data race ends with an error, which
// Stop reports.
func Build(ctx context.Context, moduleDir, out string) error {
	return program.Build(ctx, moduleDir, "./cmd/coapgw", out, "-race")
}

// announcement begins the line with the address that both programs print when
// they listen.
const announcement = "listening on "

// A Serve is a running coapgw serve with the key of one client.
type Serve struct {
	program *program.Program
	pairing pairing.Pairing
}

// StartServe runs coapgw serve in front of the homeserver, with its files in
// dir, and waits until it listens. The caller must call Stop.
func StartServe(ctx context.Context, executable, dir, homeserverURL string) (*Serve, error) {
	psk := keys.NewPSK()
	pskFile := filepath.Join(dir, "psk.txt")
	if err := keys.AppendPSK(pskFile, psk); err != nil {
		return nil, fmt.Errorf("start coapgw serve: %w", err)
	}
	p, url, err := start(ctx, program.Config{
		Name: "coapgw serve",
		Path: executable,
		Args: []string{
			"serve", "--homeserver", homeserverURL, "--listen", "127.0.0.1:0", "--psk-file", pskFile,
			"--log-level", "debug",
		},
		LogPath: filepath.Join(dir, "serve.log"),
	})
	if err != nil {
		return nil, err
	}
	addr, ok := strings.CutPrefix(url, "coaps://")
	if !ok {
		return nil, errors.Join(fmt.Errorf("coapgw serve listens on %q, not on coaps", url), p.Stop(stopTimeout))
	}
	return &Serve{program: p, pairing: pairing.Pairing{Addresses: []string{addr}, PSK: psk}}, nil
}

// start runs one side and waits for the URL at which it listens.
func start(ctx context.Context, cfg program.Config) (*program.Program, string, error) {
	p, err := program.Start(cfg)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	url, err := p.Announced(ctx, announcement)
	if err != nil {
		_ = p.Stop(stopTimeout) // err says what is wrong
		return nil, "", err
	}
	return p, url, nil
}

// Addr is the UDP address that the server listens on.
func (s *Serve) Addr() string { return s.pairing.Addresses[0] }

// PSK is the key that the server accepts.
func (s *Serve) PSK() keys.PSK { return s.pairing.PSK }

// LogPath is the file with what the server printed.
func (s *Serve) LogPath() string { return s.program.LogPath() }

// Stop ends the server and waits for it.
func (s *Serve) Stop() error { return s.program.Stop(stopTimeout) }

// A Connect is a running coapgw connect.
type Connect struct {
	url     string
	program *program.Program
}

// StartConnect runs coapgw connect towards a server, with its files in dir, and
// waits until it listens. The caller must call Stop.
func StartConnect(ctx context.Context, executable, dir string, server *Serve) (*Connect, error) {
	return startConnect(ctx, executable, dir, server.pairing)
}

// StartConnectThrough is StartConnect towards the server behind a relay, and tells
// coapgw connect what link that is. More flags may follow.
func StartConnectThrough(ctx context.Context, executable, dir string, server *Serve, relay *Relay, flags ...string) (*Connect, error) {
	there := server.pairing
	there.Addresses = []string{relay.Addr()}
	return startConnect(ctx, executable, dir, there, append([]string{"--link", relay.Profile()}, flags...)...)
}

func startConnect(ctx context.Context, executable, dir string, server pairing.Pairing, flags ...string) (*Connect, error) {
	line, err := server.Secret()
	if err != nil {
		return nil, fmt.Errorf("start coapgw connect: %w", err)
	}
	pairingFile := filepath.Join(dir, "pairing.txt")
	if err := os.WriteFile(pairingFile, []byte(line+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("start coapgw connect: %w", err)
	}
	p, url, err := start(ctx, program.Config{
		Name:    "coapgw connect",
		Path:    executable,
		Args:    append([]string{"connect", "--pairing", "@" + pairingFile, "--listen", "127.0.0.1:0", "--log-level", "debug"}, flags...),
		LogPath: filepath.Join(dir, "connect.log"),
	})
	if err != nil {
		return nil, err
	}
	return &Connect{url: url, program: p}, nil
}

// URL is the base URL for clients, without a trailing slash.
func (c *Connect) URL() string { return c.url }

// LogPath is the file with what the program printed.
func (c *Connect) LogPath() string { return c.program.LogPath() }

// Stop ends the program and waits for it.
func (c *Connect) Stop() error { return c.program.Stop(stopTimeout) }

// Kill ends the program suddenly, with SIGKILL.
func (c *Connect) Kill() error { return c.program.Kill() }
