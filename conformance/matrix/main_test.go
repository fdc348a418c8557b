package matrix

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/homeserver"
)

const (
	dendriteDir = "../dendrite"
	moduleDir   = "../.."
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
	suite := homeserver.Suite{Name: "matrix", Dendrite: dendriteDir, Logs: *logs}
	os.Exit(suite.Run(func(ctx context.Context, dir, url string) (int, error) {
		bed.homeserverURL = url
		return run(ctx, m, *names, dir)
	}))
}

// run opens the routes, runs the tests, and closes the routes again. Whatever did not
// arrive as it was sent fails the run, and so does a log that tells a secret.
func run(ctx context.Context, m *testing.M, names, dir string) (code int, err error) {
	begin := time.Now()
	routes, stop, err := openRoutes(ctx, names, bed.homeserverURL, dir)
	if err != nil {
		return 1, err
	}
	homeserver.Lap("open routes", &begin)
	bed.routes = routes
	code = m.Run()
	homeserver.Lap("run tests", &begin)
	err = stop()
	homeserver.Lap("stop", &begin)
	for _, r := range routes {
		n, wrong := r.watch.verify(r.joins, r.pushes)
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("route %s: what one side sent is not what the other got:\n%w", r.name, wrong))
		}
		if leaked := r.watch.leaks(r.logs); leaked != nil {
			err = errors.Join(err, fmt.Errorf("route %s: %w", r.name, leaked))
		}
		homeserver.Lap(fmt.Sprintf("%s: compared %d exchanges", r.name, n), &begin)
	}
	return code, err
}
