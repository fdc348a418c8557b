package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/program"
	"github.com/coapgw/coapgw/conformance/process"
)

const (
	dendriteModule = "../dendrite"
	dendriteConfig = "../matrix/homeserver/dendrite.yaml"

	buildTimeout = 15 * time.Minute
	// Safety nets: a busy machine is far from them.
	readyTimeout = 3 * time.Minute
	stopTimeout  = time.Minute
)

// buildDendrite compiles the homeserver in the version that its module pins.
func buildDendrite(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	out := filepath.Join(cache, "coapgw-conformance", "dendrite-record")
	return out, program.Build(ctx, dendriteModule, "tool", out, "-mod=mod")
}

// startDendrite starts the homeserver under a name of its own, with empty databases in
// dir. The configuration is that of the conformance suite but for the
// name, presence and search.
func startDendrite(ctx context.Context, executable, dir string, s server) (url string, stop func() error, err error) {
	config, err := os.ReadFile(dendriteConfig)
	if err != nil {
		return "", nil, err
	}
	text := strings.Replace(string(config), "server_name: localhost", "server_name: "+s.Name, 1)
	if !s.Presence {
		text = strings.Replace(text, "  presence:\n    enable_inbound: true\n    enable_outbound: true\n", "", 1)
	}
	if s.Search {
		text = strings.Replace(text, "sync_api:\n", "sync_api:\n  search:\n    enabled: true\n    index_path: search\n    language: en\n", 1)
	}
	if err := os.WriteFile(filepath.Join(dir, "dendrite.yaml"), []byte(text), 0o600); err != nil {
		return "", nil, err
	}
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails: it ends the process instead
	key := pem.EncodeToMemory(&pem.Block{
		Type: "MATRIX PRIVATE KEY", Headers: map[string]string{"Key-ID": "ed25519:1"}, Bytes: seed,
	})
	if err := os.WriteFile(filepath.Join(dir, "matrix_key.pem"), key, 0o600); err != nil {
		return "", nil, err
	}
	addr, err := process.FreeAddr("tcp")
	if err != nil {
		return "", nil, err
	}
	p, err := program.Start(program.Config{
		Name: "dendrite", Path: executable, Dir: dir, LogPath: filepath.Join(dir, "dendrite.log"),
		Args: []string{"--config", "dendrite.yaml", "--http-bind-address", addr, "--really-enable-open-registration"},
	})
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	url = "http://" + addr
	if err := p.Ready(ctx, program.HTTPReady(url+"/_matrix/client/versions")); err != nil {
		_ = p.Stop(stopTimeout) // err says what is wrong
		return "", nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return url, func() error { return p.Stop(stopTimeout) }, nil
}
