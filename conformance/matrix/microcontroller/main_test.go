package microcontroller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/homeserver"
	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

const (
	// buildTimeout covers a cold build of Dendrite on a small machine.
	buildTimeout = 15 * time.Minute
	// patience bounds every wait: far more than anything here takes, valgrind included.
	patience    = 2 * time.Minute
	dendriteDir = "../../dendrite"
	moduleDir   = "../../.."
	sources     = moduleDir + "/examples/microcontroller"
)

// bed is what TestMain prepared for the tests, which only read it.
var bed struct {
	// coapgw is the program under test.
	coapgw string
	// homeserverURL is the base URL of Dendrite.
	homeserverURL string
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "coapgw-microcontroller-")
	if err != nil {
		return fail(err)
	}
	defer func() {
		if code != 0 {
			fmt.Fprintln(os.Stderr, "logs of the programs:", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			code = fail(err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	dendrite, err := homeserver.Build(ctx, dendriteDir)
	if err != nil {
		return fail(err)
	}
	bed.coapgw = filepath.Join(dir, "coapgw")
	if err := pair.Build(ctx, moduleDir, bed.coapgw); err != nil {
		return fail(err)
	}
	hs, err := homeserver.Start(ctx, dendrite, dir)
	if err != nil {
		return fail(err)
	}
	bed.homeserverURL = hs.URL()
	code = m.Run()
	if err := errors.Join(hs.Stop()); err != nil {
		code = fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
