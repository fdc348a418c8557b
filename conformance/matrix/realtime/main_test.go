package realtime

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/homeserver"
	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

const (
	// buildTimeout covers a cold build of Dendrite on a small machine.
	buildTimeout = 15 * time.Minute
	dendriteDir  = "../../dendrite"
	moduleDir    = "../../.."
)

// bed is what TestMain prepared for the tests, which only read it.
var bed struct {
	// dir is for the files of the programs; executable is coapgw.
	dir, executable string
	// homeserverURL is the base URL of Dendrite itself.
	homeserverURL string
	plans         []plan
	// duration and idle are of TestClients; update says that it writes its page.
	duration, idle time.Duration
	update         bool
}

func TestMain(m *testing.M) {
	profiles := flag.String("profiles", "geo-vsat,certus100,iridium-2400", "comma-separated links to run TestSession and TestClients over")
	flag.DurationVar(&bed.duration, "duration", 5*time.Minute, "how long the clients of TestClients talk, from their login on")
	flag.DurationVar(&bed.idle, "idle", time.Minute, "how long they then do nothing")
	flag.BoolVar(&bed.update, "update", false, "write what TestClients measured into docs/clients.md")
	logs := flag.String("logs", "", "directory for logs and captures of the programs; empty: kept only after a failure")
	flag.Parse()
	// They wait more than they work.
	if err := flag.Set("test.parallel", "8"); err != nil {
		os.Exit(fail(err))
	}
	os.Exit(run(m, *profiles, *logs))
}

// run starts the homeserver, runs the tests, and stops it again.
func run(m *testing.M, profiles, logs string) (code int) {
	for name := range strings.SplitSeq(profiles, ",") {
		p, ok := planOf(name)
		if !ok {
			return fail(fmt.Errorf("no session is planned over the link %q", name))
		}
		bed.plans = append(bed.plans, p)
	}
	var err error
	if bed.dir, err = workDir(logs); err != nil {
		return fail(err)
	}
	defer func() {
		switch {
		case code != 0:
			fmt.Fprintln(os.Stderr, "logs of the programs:", bed.dir)
		case logs == "":
			if err := os.RemoveAll(bed.dir); err != nil {
				code = fail(err)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	dendrite, err := homeserver.Build(ctx, dendriteDir)
	if err != nil {
		return fail(err)
	}
	bed.executable = filepath.Join(bed.dir, "coapgw")
	if err := pair.Build(ctx, moduleDir, bed.executable); err != nil {
		return fail(err)
	}
	hs, err := homeserver.Start(ctx, dendrite, bed.dir)
	if err != nil {
		return fail(err)
	}
	bed.homeserverURL = hs.URL()
	code = m.Run()
	if err := hs.Stop(); err != nil {
		return fail(err)
	}
	return code
}

func workDir(logs string) (string, error) {
	if logs == "" {
		return os.MkdirTemp("", "coapgw-realtime-")
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
