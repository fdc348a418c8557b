package microcontroller

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/homeserver"
	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

const (
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

func TestMain(m *testing.M) {
	suite := homeserver.Suite{Name: "microcontroller", Dendrite: dendriteDir}
	os.Exit(suite.Run(func(ctx context.Context, dir, url string) (int, error) {
		bed.coapgw, bed.homeserverURL = filepath.Join(dir, "coapgw"), url
		if err := pair.Build(ctx, moduleDir, bed.coapgw); err != nil {
			return 1, err
		}
		return m.Run(), nil
	}))
}
