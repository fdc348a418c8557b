package gobind

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// javaPackage is what Java packages are in, which an app chooses; javaDir is where gobind
// writes them.
const (
	javaPackage = "io.github.coapgw"
	javaDir     = "java/io/github/coapgw"
)

// generated runs gobind over a package, and returns where it has written.
func generated(t *testing.T, path string) string {
	t.Helper()
	out := t.TempDir()
	run(t, "", "go", "tool", "gobind", "-lang=go,java,objc", "-javapkg="+javaPackage, "-outdir="+out, path)
	return out
}

// run runs a program that has to succeed, in a directory unless that is empty, and returns what
// it prints. env is added to the environment.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	return runWith(t, nil, dir, program, args...)
}

// deadline is a safety net: a cold build on a busy machine takes minutes.
const deadline = 12 * time.Minute

func runWith(t *testing.T, env []string, dir, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	require.NoError(t, err, "%s is needed: see need in .ci/run", program)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", cmd, out)
	return string(out)
}

// sources returns the files of an ending, all if it is empty, under directories.
func sources(t *testing.T, ending string, dirs ...string) (files []string) {
	t.Helper()
	for _, dir := range dirs {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (ending == "" || filepath.Ext(path) == ending) {
				files = append(files, path)
			}
			return err
		}))
	}
	require.NotEmpty(t, files)
	return files
}

// TestCompiles: package mobile is for both systems. Nothing is linked, which takes their SDKs.
func TestCompiles(t *testing.T) {
	for _, system := range []string{"android", "ios"} {
		runWith(t, []string{"GOOS=" + system, "GOARCH=arm64", "CGO_ENABLED=0"}, "", "go", "build", mobile)
	}
}
