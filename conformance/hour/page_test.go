package hour

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
)

// slack is how much more than the page says an hour may cost: which of two things comes
// first that happen at the same time is left to chance, and a lot hangs on it.
const slack = 1.1

// keepPage holds what was measured to the tables of docs/clients.md, or writes them.
func keepPage(t *testing.T, measured map[cell]result) {
	tables := golden.WrittenBy("../../docs/clients.md", "hour", "go test ./conformance/hour -update")
	t.Log(page(measured))
	if *update {
		tables.Hold(t, page(measured), true)
		return
	}
	sums := readSums(t, tables.Read(t))
	require.Len(t, sums, len(profiles())*len(variants())*len(kinds()))
	for _, profile := range profiles() {
		for _, v := range variants() {
			for _, k := range kinds() {
				all := measured[cell{profile, v.name, k.name}].all()
				assert.LessOrEqual(t, float64(all[0]+all[1])/1000, slack*sums[0],
					"%s, %s, %s: kB more than docs/clients.md says (-update)", profile, v.name, k.name)
				sums = sums[1:]
			}
		}
	}
}

// readSums reads what all causes together come to, in kB, from the tables in order.
func readSums(t *testing.T, tables string) (sums []float64) {
	t.Helper()
	for line := range strings.Lines(tables) {
		cells, found := strings.CutPrefix(line, "| "+sumRow+" | ")
		if !found {
			continue
		}
		for cell := range strings.SplitSeq(strings.TrimSuffix(cells, " |\n"), " | ") {
			var up, down float64
			_, err := fmt.Sscanf(cell, "%f, %f", &up, &down)
			require.NoError(t, err, "%s", cell)
			sums = append(sums, up+down)
		}
	}
	return sums
}

// sumRow is the row of all causes.
const sumRow = "**all**"

// page is a table for each link and variant.
func page(measured map[cell]result) string {
	var b strings.Builder
	for _, profile := range profiles() {
		for _, v := range variants() {
			fmt.Fprintf(&b, "\n%s, %s:\n\n", profile, v.name)
			table(&b, func(k kind) result { return measured[cell{profile, v.name, k.name}] })
		}
	}
	return b.String() + "\n"
}

// table writes what the kinds came to.
func table(b *strings.Builder, of func(kind) result) {
	b.WriteString("| kB for |")
	for _, k := range kinds() {
		fmt.Fprintf(b, " %s |", k.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(kinds())) + "\n")
	row := func(name string, cell func(result) string) {
		fmt.Fprintf(b, "| %s |", name)
		for _, k := range kinds() {
			fmt.Fprintf(b, " %s |", cell(of(k)))
		}
		b.WriteString("\n")
	}
	for _, cause := range causes() {
		row(cause, func(r result) string { return both(r.causes[cause]) })
	}
	row(sumRow, func(r result) string { return both(r.all()) })
	row("messages", func(r result) string { return fmt.Sprint(r.messages) })
	row("wait, outward", func(r result) string { return fmt.Sprintf("%.1f s", r.up.Seconds()) })
	row("wait, homeward", func(r result) string { return fmt.Sprintf("%.1f s", r.down.Seconds()) })
	row("answers given up", func(r result) string { return fmt.Sprint(r.gaveUp) })
}

// all are the bytes of all causes.
func (r result) all() (sum [2]int64) {
	for _, bytes := range r.causes {
		sum[0] += bytes[0]
		sum[1] += bytes[1]
	}
	return sum
}

// both writes bytes up and down, in kB.
func both(bytes [2]int64) string {
	if bytes == [2]int64{} {
		return ""
	}
	return fmt.Sprintf("%.1f, %.1f", float64(bytes[0])/1000, float64(bytes[1])/1000)
}
