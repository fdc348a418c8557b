package clib

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// installed is a tree into which the library was installed.
type installed struct{ dir string }

// builds are the trees of this run, by the way that each was built.
var builds struct {
	sync.Mutex
	root string
	of   map[string]installed
}

func TestMain(m *testing.M) {
	root, err := os.MkdirTemp("", "coapgw-clib-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builds.root, builds.of = root, make(map[string]installed)
	status := m.Run()
	os.RemoveAll(root)
	os.Exit(status)
}

// library is the one that is shipped.
func library(t *testing.T) installed { return build(t, "shipped") }

// build returns the library built in one of the ways of build.sh, which env tells.
func build(t *testing.T, way string, env ...string) installed {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if made, ok := builds.of[way]; ok {
		return made
	}
	made := installed{filepath.Join(builds.root, way)}
	c := exec.CommandContext(t.Context(), "../../clib/build.sh")
	c.Env = append(os.Environ(), "PREFIX="+made.dir, "DESTDIR=", "LIBDIR=", "VERSION=v1.2.3", "TAGS=")
	c.Env = append(c.Env, env...)
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	builds.of[way] = made
	return made
}

func (i installed) path(names ...string) string {
	return filepath.Join(append([]string{i.dir}, names...)...)
}

// pkgConfig asks what a program is built with.
func (i installed) pkgConfig(t *testing.T, args ...string) []string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "pkg-config", append(args, "coapgw")...)
	c.Env = append(os.Environ(), "PKG_CONFIG_LIBDIR="+i.path("lib/pkgconfig"), "PKG_CONFIG_PATH=")
	out, err := c.Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

// linking is how a program gets the library.
type linking string

const (
	shared linking = "shared"
	static linking = "static"
)

// compile makes a program of a C source, with every warning an error.
func (i installed) compile(t *testing.T, source string, how linking) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(source), ".c"))
	args := []string{"-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread", "-o", program, source}
	switch how {
	case shared:
		args = append(args, i.pkgConfig(t, "--cflags", "--libs")...)
		args = append(args, "-Wl,-rpath,"+i.path("lib"))
	case static:
		args = append(args, "-static")
		args = append(args, i.pkgConfig(t, "--cflags", "--libs", "--static")...)
	}
	out, err := exec.CommandContext(t.Context(), "gcc", args...).CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// patience is how long a program may take at most, under valgrind too.
const patience = 3 * time.Minute

// process is a program that runs.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *watched
	errs bytes.Buffer
	done chan error
}

// start runs a program.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	p := &process{t: t, cmd: exec.CommandContext(ctx, args[0], args[1:]...), out: newWatched(), done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, &p.errs
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		p.done <- p.cmd.Wait()
		p.out.end()
		stop()
	}()
	return p
}

// say writes a line to the program.
func (p *process) say(line string) {
	p.t.Helper()
	_, err := io.WriteString(p.in, line+"\n")
	require.NoError(p.t, err, p)
}

// hears waits until the program has printed a text, behind what was heard before.
func (p *process) hears(text string) {
	p.t.Helper()
	require.True(p.t, p.out.await(text), "%q never came\n%s", text, p)
}

// ends waits until the program has ended and returns what it returns.
func (p *process) ends() int {
	p.t.Helper()
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// succeeds waits until the program has ended well.
func (p *process) succeeds() {
	p.t.Helper()
	require.Zero(p.t, p.ends(), "%s", p)
}

// String is what the program has printed, for messages.
func (p *process) String() string { return p.out.String() + p.errs.String() }

// watched is output for which somebody waits.
type watched struct {
	mu      sync.Mutex
	changed *sync.Cond
	text    bytes.Buffer
	heard   int // up to where
	over    bool
}

func newWatched() *watched {
	w := new(watched)
	w.changed = sync.NewCond(&w.mu)
	return w
}

// Write implements io.Writer.
func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed.Broadcast()
	return w.text.Write(b)
}

func (w *watched) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.changed.Broadcast()
}

// await reports whether text has come before the end, behind what was awaited before.
func (w *watched) await(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if at := strings.Index(w.text.String()[w.heard:], text); at >= 0 {
			w.heard += at + len(text)
			return true
		}
		if w.over {
			return false
		}
		w.changed.Wait()
	}
}

// count is how often text has come.
func (w *watched) count(text string) int { return strings.Count(w.String(), text) }

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
