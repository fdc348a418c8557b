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
	dendriteDir = "../../dendrite"
	moduleDir   = "../../.."
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
		panic(err)
	}
	suite := homeserver.Suite{Name: "realtime", Dendrite: dendriteDir, Logs: *logs}
	os.Exit(suite.Run(func(ctx context.Context, dir, url string) (int, error) {
		for name := range strings.SplitSeq(*profiles, ",") {
			p, ok := planOf(name)
			if !ok {
				return 1, fmt.Errorf("no session is planned over the link %q", name)
			}
			bed.plans = append(bed.plans, p)
		}
		bed.dir, bed.executable, bed.homeserverURL = dir, filepath.Join(dir, "coapgw"), url
		if err := pair.Build(ctx, moduleDir, bed.executable); err != nil {
			return 1, err
		}
		return m.Run(), nil
	}))
}
