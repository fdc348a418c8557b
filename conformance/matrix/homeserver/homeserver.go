// Package homeserver runs a real Matrix homeserver, Dendrite, for the suite.
package homeserver

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/program"
	"github.com/coapgw/coapgw/conformance/process"
)

//go:embed dendrite.yaml
var config []byte

const (
	// Safety nets: a busy machine is far from them. At first it creates its databases.
	readyTimeout = 3 * time.Minute
	stopTimeout  = time.Minute
)

// Build compiles Dendrite in the version that the module in moduleDir pins and
// returns the executable. It takes two to three minutes while the build cache is
// cold. The executable stays below the user's cache directory, because linking
// it takes a while too. Test processes that need it at the same time build it once.
func Build(ctx context.Context, moduleDir string) (out string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("build dendrite: %w", err)
	}
	out = filepath.Join(cache, "coapgw-conformance", "dendrite")
	unlock, err := lock(out + ".lock")
	if err != nil {
		return "", fmt.Errorf("build dendrite: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return out, program.Build(ctx, moduleDir, "tool", out)
}

// A Homeserver is a running Dendrite.
type Homeserver struct {
	url     string
	program *program.Program
	logPath string
}

// Start runs the Dendrite executable with empty databases in dir, which must
// exist, and waits until it answers. Its log is dir/dendrite.log. The caller
// must call Stop.
func Start(ctx context.Context, executable, dir string) (*Homeserver, error) {
	if err := os.WriteFile(filepath.Join(dir, "dendrite.yaml"), config, 0o600); err != nil {
		return nil, fmt.Errorf("configure dendrite: %w", err)
	}
	if err := writeSigningKey(filepath.Join(dir, "matrix_key.pem")); err != nil {
		return nil, fmt.Errorf("configure dendrite: %w", err)
	}
	addr, err := process.FreeAddr("tcp")
	if err != nil {
		return nil, fmt.Errorf("start dendrite: %w", err)
	}
	logPath := filepath.Join(dir, "dendrite.log")
	p, err := program.Start(program.Config{
		Name:    "dendrite",
		Path:    executable,
		Args:    []string{"--config", "dendrite.yaml", "--http-bind-address", addr, "--really-enable-open-registration"},
		Dir:     dir,
		LogPath: logPath,
	})
	if err != nil {
		return nil, err
	}
	hs := &Homeserver{url: "http://" + addr, program: p, logPath: logPath}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := p.Ready(ctx, program.HTTPReady(hs.url+"/_matrix/client/versions")); err != nil {
		_ = p.Stop(stopTimeout) // err says what is wrong
		return nil, err
	}
	return hs, nil
}

// URL is the base URL of the client-server API, without a trailing slash.
func (h *Homeserver) URL() string { return h.url }

// closedTooEarly is what Dendrite says where it was told to stop while it still wrote down an event
// for federation: it closes its database first, and panics.
const closedTooEarly = "roomserver output log: write room event failure"

// Stop ends Dendrite and waits for it. That fault of its own is no error; any other end
// than an orderly one is.
func (h *Homeserver) Stop() error {
	err := h.program.Stop(stopTimeout)
	if err == nil {
		return nil
	}
	if log, unreadable := os.ReadFile(h.logPath); unreadable == nil && bytes.Contains(log, []byte(closedTooEarly)) {
		return nil
	}
	return err
}
