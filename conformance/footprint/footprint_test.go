package footprint

import (
	"flag"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/conformance/golden"
)

var update = flag.Bool("update", false, "write testdata/footprint.tsv and the table in README")

// TestFootprint builds each program for each target and runs it there. What was promised
// holds; sizes are within the reviewed budgets.
func TestFootprint(t *testing.T) {
	dir := t.TempDir()
	native := targetNamed(t, "amd64")
	w := newWorld(t, native.build(t, programs[0], t.TempDir()))
	budgets := readTable(t)
	var measured []row
	for _, p := range programs {
		for _, a := range targets {
			if !p.fits(a) {
				continue
			}
			t.Run(p.name+"/"+a.name, func(t *testing.T) {
				r := row{program: p.name, target: a.name}
				files := p.build(t, a, dir)
				r.size, r.packed = sizes(t, files)
				if p.run != nil {
					took := p.run(w, t, a, files[0])
					r.start, r.idle = took.started.Milliseconds(), took.idle.total()
					r.used, r.own = took.used.total(), took.used.own
				}
				t.Log(r)
				measured = append(measured, r)

				if p.mostSize > 0 {
					assert.LessOrEqual(t, r.size, p.mostSize, "what was promised of its size")
				}
				if p.mostPacked > 0 {
					assert.LessOrEqual(t, r.packed, p.mostPacked, "what was promised of its packed size")
				}
				if p.mostMemory > 0 {
					assert.LessOrEqual(t, r.used, p.mostMemory, "what was promised of its memory, in kB")
				}
				if *update {
					return
				}
				i := slices.IndexFunc(budgets, func(b row) bool { return b.program == r.program && b.target == r.target })
				if assert.GreaterOrEqual(t, i, 0, "no budget: go test ./conformance/footprint -update") {
					assert.Empty(t, judge("size", budgets[i].size, r.size))
					assert.Empty(t, judge("packed", budgets[i].packed, r.packed))
				}
			})
		}
	}
	if *update && !t.Failed() {
		golden.Write(t, table(), merged(budgets, measured))
	}
}
