package matrix

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/homeserver"
)

const (
	// buildTimeout covers a cold build of Dendrite on a small machine.
	buildTimeout = 15 * time.Minute
	dendriteDir  = "../dendrite"
	moduleDir    = "../.."
)

// bed is what TestMain prepared for the tests, which only read it.
var bed struct {
	routes []route
	// homeserverURL is the base URL of Dendrite itself.
	homeserverURL string
}

func TestMain(m *testing.M) {
	names := flag.String("routes", defaultRoutes, "comma-separated routes from the client to the homeserver")
	logs := flag.String("logs", "", "directory for the logs of the programs; empty: kept only after a failure")
	flag.Parse()
	os.Exit(run(m, *names, *logs))
}

// run starts the homeserver and the routes, runs the tests, and stops all of it
// again. Whatever fails to build, to start or to stop fails the run.
func run(m *testing.M, names, logs string) (code int) {
	dir, err := workDir(logs)
	if err != nil {
		return fail(err)
	}
	defer func() {
		switch {
		case code != 0:
			fmt.Fprintln(os.Stderr, "logs of the programs:", dir)
		case logs == "":
			if err := os.RemoveAll(dir); err != nil {
				code = fail(err)
			}
		}
	}()

	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	begin := time.Now()
	executable, err := homeserver.Build(ctx, dendriteDir)
	if err != nil {
		return fail(err)
	}
	lap("build dendrite", &begin)
	hs, err := homeserver.Start(ctx, executable, dir)
	if err != nil {
		return fail(err)
	}
	lap("start dendrite", &begin)
	routes, stop, err := openRoutes(ctx, names, hs.URL(), dir)
	if err != nil {
		return fail(errors.Join(err, hs.Stop()))
	}
	lap("open routes", &begin)
	bed.routes, bed.homeserverURL = routes, hs.URL()
	code = m.Run()
	lap("run tests", &begin)
	if err := errors.Join(stop(), hs.Stop()); err != nil {
		code = fail(err)
	}
	lap("stop", &begin)
	for _, r := range routes {
		n, err := r.watch.verify(r.joins, r.pushes)
		if err != nil {
			code = fail(fmt.Errorf("route %s: what one side sent is not what the other got:\n%w", r.name, err))
		}
		if err := r.watch.leaks(r.logs); err != nil {
			code = fail(fmt.Errorf("route %s: %w", r.name, err))
		}
		lap(fmt.Sprintf("%s: compared %d exchanges", r.name, n), &begin)
	}
	return code
}

func workDir(logs string) (string, error) {
	if logs == "" {
		return os.MkdirTemp("", "coapgw-matrix-")
	}
	dir, err := filepath.Abs(logs)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// lap prints how long a step took, so that a slow run explains itself.
func lap(step string, begin *time.Time) {
	now := time.Now()
	fmt.Fprintf(os.Stderr, "%-34s %6.1f s\n", step, now.Sub(*begin).Seconds())
	*begin = now
}
