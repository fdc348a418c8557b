package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	moduleDir    = "../.."
	buildTimeout = 5 * time.Minute
	// patience bounds every wait for a peer: far more than any exchange takes.
	patience = 3 * time.Minute
)

// coapgw is the path of the program under test; TestMain sets it.
var coapgw string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "coapgw-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// A program with the race detector would wait a second before it ends.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	coapgw = filepath.Join(dir, "coapgw")
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-race", "-o", coapgw, "./cmd/coapgw")
	build.Dir, build.Stdout, build.Stderr = moduleDir, os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build coapgw:", err)
		return 1
	}
	return m.Run()
}
