// Package program builds Go commands and runs them as child processes: the
// real-homeserver suite starts Dendrite and both sides of the gateway pair with
// it.
package program

import (
	"context"
	"fmt"
	"os/exec"
)

// Build compiles the main package pkg of the module in moduleDir into the
// executable out, an absolute path. The pattern "tool" stands for the command of
// the module's tool directive. flags are further flags of go build. An out that
// is up to date is left alone. The error holds what the compiler printed.
func Build(ctx context.Context, moduleDir, pkg, out string, flags ...string) error {
	args := append([]string{"build", "-o", out}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = moduleDir
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s in %s: %w\n%s", pkg, moduleDir, err, text)
	}
	return nil
}
