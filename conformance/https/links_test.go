package https

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/delivery"
	"github.com/coapgw/coapgw/conformance/https/tcpnet"
)

const (
	linksPath   = "../../testdata/links-https.tsv"
	linksHeader = `# What the steps of conformance/delivery take over HTTPS on each link: see links-coapgw.tsv. "–" failed, or took more than two hours.
# go -C conformance/https test -update rewrites it, in some minutes; without -update the lossless rows are compared.
`
)

// TestLinks holds HTTPS on every link to the table: without loss, or with all
// seeds when it writes the table anew.
func TestLinks(t *testing.T) {
	steps, err := delivery.Steps()
	require.NoError(t, err)
	var rows []delivery.Row
	for _, profile := range link.Profiles() {
		for _, step := range steps {
			if !step.On(profile) {
				continue
			}
			for _, p := range []protocol{http1, http2} {
				row := delivery.Row{Profile: profile.Name, Step: step.Name, Over: p.name, Run: delivery.Lossless}
				row.Cost = run(t, p, profile, step, 0)
				rows = append(rows, row)
				if *update {
					var costs []delivery.Cost
					for seed := uint64(1); seed <= step.Seeds(); seed++ {
						costs = append(costs, run(t, p, profile, step, seed))
					}
					row.Run, row.Cost = delivery.Usual, delivery.Median(costs)
					rows = append(rows, row)
				}
			}
		}
	}
	if *update {
		f, err := os.Create(linksPath)
		require.NoError(t, err)
		require.NoError(t, delivery.WriteTable(f, linksHeader, rows))
		require.NoError(t, f.Close())
	}
	checkLinks(t, rows)
}

// run takes a step over a link, with each kind of congestion control, and returns
// the better cost: neither is the better one on all links.
func run(t *testing.T, p protocol, profile link.Profile, step delivery.Step, seed uint64) delivery.Cost {
	best := delivery.Cost{Failed: true}
	for _, k := range []tcpnet.Control{tcpnet.CUBIC, tcpnet.NewReno} {
		n := newPair(t, p, delivery.Link(profile, seed), k)
		if c := step.Measure(n); c.Less(best) {
			best = c
		}
		n.close(t)
	}
	return best
}

// checkLinks compares rows with those of the table that have the same names.
func checkLinks(t *testing.T, rows []delivery.Row) {
	f, err := os.Open(linksPath)
	require.NoError(t, err)
	defer f.Close()
	table, err := delivery.ReadTable(f)
	require.NoError(t, err)
	type key struct{ profile, step, over, run string }
	want := make(map[key]delivery.Cost)
	for _, r := range table {
		want[key{r.Profile, r.Step, r.Over, r.Run}] = r.Cost
	}
	for _, r := range rows {
		name := key{r.Profile, r.Step, r.Over, r.Run}
		w, ok := want[name]
		if !assert.True(t, ok, name) || !assert.Equal(t, w.Failed, r.Failed, name) || r.Failed {
			continue
		}
		assert.InEpsilon(t, w.Took.Seconds(), r.Took.Seconds(), tolerated, name)
		assert.InDelta(t, w.Up, r.Up, toleratedFlat+tolerated*float64(w.Up), name)
		assert.InDelta(t, w.Down, r.Down, toleratedFlat+tolerated*float64(w.Down), name)
	}
}
