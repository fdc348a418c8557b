// Package program builds Go commands and runs them as child processes: the
// real-homeserver suite starts Dendrite and both sides of the gateway pair with
// it.
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build compiles the main package pkg of the module in moduleDir and returns
// the path of the executable. The name "tool" stands for the commands of the
// module's tool directive. extra are further flags of go build, such as -race.
//
// Executables are kept below the user's cache directory, so that a second run
// neither compiles nor links again. moduleDir must be absolute or relative to
// the working directory. The error holds what the compiler printed.
func Build(ctx context.Context, moduleDir, pkg, name string, extra ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	out := filepath.Join(cache, "coapgw-conformance", name)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	args := append([]string{"build", "-o", out}, extra...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = moduleDir
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, text)
	}
	return out, nil
}
