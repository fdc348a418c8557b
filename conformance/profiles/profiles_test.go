package profiles

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

// tableSeeds are those of the table, 1 to 20: they were not chosen.
const tableSeeds = 20

var (
	update = flag.Bool("update", false, "write what was measured into testdata/links.tsv and docs/links.md")
	seeds  = flag.Uint64("seeds", tableSeeds, "how many seeds to run for each profile; those after the table's may fail, and the rate is logged")
)

// TestProfiles: the session succeeds over every link with every seed of the table,
// and costs what testdata/links.tsv says. With further seeds (make soak) a burst of
// loss may outlast MAX_RETRANSMIT: then the caller is told, and nothing is lost
// that was acknowledged.
func TestProfiles(t *testing.T) {
	var rows []row
	for _, p := range link.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			var costs []cost
			succeeded := 0
			for seed := uint64(lossless); seed <= *seeds; seed++ {
				o := run(t, p, p, seed)
				require.Empty(t, o.faults, "seed %d", seed)
				if seed <= tableSeeds {
					require.NoError(t, o.failed, "seed %d", seed)
					costs = append(costs, o.cost)
				}
				if seed == lossless {
					continue
				}
				if o.failed == nil {
					succeeded++
				} else {
					require.True(t, told(o.failed), "seed %d: %v", seed, o.failed)
					t.Logf("seed %d: %v", seed, o.failed)
				}
			}
			t.Logf("%d of %d seeds succeed", succeeded, *seeds)
			rows = append(rows, row{p.Name, "lossless", costs[0]}, row{p.Name, "median", median(costs[1:])})
		})
	}
	if len(rows) == 2*len(link.Profiles()) { // none failed or was left out by -run
		checkTable(t, rows)
	}
}
