package homeserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Suite is tests that need a homeserver beside them: each of the suites' TestMain has one.
type Suite struct {
	// Name is that of its directory.
	Name string
	// Dendrite is the directory of the module that pins it.
	Dendrite string
	// Logs is the directory for logs of all programs; "" is one that is kept only after a
	// failure.
	Logs string
}

// buildTimeout covers a cold build of Dendrite on a small machine.
const buildTimeout = 15 * time.Minute

// Run builds and starts a homeserver, has tests run, and stops it again. It returns the
// exit status: tests' own, or 1 if anything failed to build, to start or to stop, which it
// prints. tests gets the directory of logs and the URL of the homeserver; its context
// covers what it has to build and to start.
func (s Suite) Run(tests func(ctx context.Context, dir, url string) (code int, err error)) (code int) {
	code, err := s.run(tests)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func (s Suite) run(tests func(ctx context.Context, dir, url string) (int, error)) (code int, err error) {
	dir, err := s.logs()
	if err != nil {
		return 1, err
	}
	defer func() {
		switch {
		case err != nil || code != 0:
			fmt.Fprintln(os.Stderr, "logs of the programs:", dir)
		case s.Logs == "":
			err = os.RemoveAll(dir)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	begin := time.Now()
	executable, err := Build(ctx, s.Dendrite)
	if err != nil {
		return 1, err
	}
	Lap("build dendrite", &begin)
	hs, err := Start(ctx, executable, dir)
	if err != nil {
		return 1, err
	}
	Lap("start dendrite", &begin)
	code, err = tests(ctx, dir, hs.URL())
	return code, errors.Join(err, hs.Stop())
}

func (s Suite) logs() (string, error) {
	if s.Logs == "" {
		return os.MkdirTemp("", "coapgw-"+s.Name+"-")
	}
	dir, err := filepath.Abs(s.Logs)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// Lap prints how long a step took that began then, so that a slow run explains itself.
func Lap(step string, begin *time.Time) {
	now := time.Now()
	fmt.Fprintf(os.Stderr, "%-34s %6.1f s\n", step, now.Sub(*begin).Seconds())
	*begin = now
}
