package sizes

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/conformance/golden"
	"github.com/coapgw/coapgw/internal/corpus"
	"github.com/coapgw/coapgw/internal/measure"
)

var update = flag.Bool("update", false, "measure all variants and write docs/wire-v2-sizes.md")

// root is that of the repository.
const root = "../.."

// TestSizes holds wire version 2 to what it is for, on homeservers that nothing was made
// from, and the page to what was measured.
func TestSizes(t *testing.T) {
	format, err := wire2.Shipped(1)
	require.NoError(t, err)
	servers, all, recorded := map[string]*aims{}, newAims(), newAims()
	require.NoError(t, corpus.HeldOut(root, func(s corpus.Session) error {
		one, err := session(measure.NewMeter(format, measure.Options{Variants: *update}), s)
		if err != nil {
			return err
		}
		if servers[s.Server] == nil {
			servers[s.Server] = newAims()
		}
		servers[s.Server].add(one)
		all.add(one)
		if s.File != "" {
			recorded.add(one)
		}
		return nil
	}))
	total := all.Total
	assert.LessOrEqual(t, float64(total.V2), 0.26*float64(total.V1), "of version 1")
	assert.LessOrEqual(t, float64(total.V2), 0.20*float64(total.JSON), "of JSON")

	for _, row := range rows() {
		mean, count := recorded.mean(row)
		assert.NotZero(t, count, row.name)
		assert.LessOrEqual(t, mean, row.most, "%s, recorded", row.name)
		made, _ := all.mean(row)
		t.Logf("%s: recorded %.2f, with made ones %.2f, of it not random %.2f", row.name, mean, made, made-all.floor(row))
		assert.LessOrEqual(t, made, row.most, "%s, recorded and made", row.name)
	}

	page := golden.WrittenBy(root+"/docs/wire-v2-sizes.md", "sizes", "make sizes")
	block := serverTable(servers, total) + aimsTable(recorded, all) + kindTable(all.kinds())
	if *update {
		page.Hold(t, block+variantTable(all.Report), true)
		return
	}
	require.True(t, strings.HasPrefix(page.Read(t), block), "the page does not say what was measured (make sizes)")
}

func percent(part, whole int) string {
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(max(whole, 1)))
}

func serverTable(servers map[string]*aims, total measure.Cost) string {
	var b strings.Builder
	b.WriteString("\n| homeserver | exchanges | JSON | version 1 | version 2 | of JSON | of version 1 |\n|---|---|---|---|---|---|---|\n")
	row := func(name string, c measure.Cost) {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %s | %s |\n", name, c.Count, c.JSON, c.V1, c.V2, percent(c.V2, c.JSON), percent(c.V2, c.V1))
	}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		row(name, servers[name].Total)
	}
	row("all", total)
	return b.String()
}

// kindTable has the kinds that take most.
func kindTable(costs map[string]*measure.Cost) string {
	const most = 32
	kinds := slices.SortedFunc(maps.Keys(costs), func(a, b string) int {
		return cmp.Or(cmp.Compare(costs[b].V2, costs[a].V2), cmp.Compare(a, b))
	})
	var b strings.Builder
	b.WriteString("\n| exchange | count | JSON, mean | version 1, mean | request, mean | response, mean | of version 1 |\n|---|---|---|---|---|---|---|\n")
	for _, kind := range kinds[:min(most, len(kinds))] {
		c := costs[kind]
		mean := func(n int) string { return fmt.Sprintf("%.1f", float64(n)/float64(c.Count)) }
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s | %s |\n", kind, c.Count, mean(c.JSON), mean(c.V1), mean(c.V2Up), mean(c.V2Down), percent(c.V2, c.V1))
	}
	return b.String()
}

func variantTable(r measure.Report) string {
	var b strings.Builder
	b.WriteString("\n| variant | bytes | of JSON | of version 1 |\n|---|---|---|---|\n")
	for i, v := range measure.Variants() {
		n := r.Variants[v.Name]
		if i == 0 {
			n = r.Total.V2
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", v.Name, n, percent(n, r.Total.JSON), percent(n, r.Total.V1))
	}
	return b.String()
}
