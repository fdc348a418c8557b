package footprint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coapgw/coapgw/conformance/golden"
)

// TestReadme holds README to the table, or writes it after the table.
func TestReadme(t *testing.T) {
	golden.WrittenBy("../../README.md", "footprint", "go test ./conformance/footprint -update").Hold(t, readmeTable(t), *update)
}

func readmeTable(t *testing.T) string {
	t.Helper()
	about := make(map[string]string)
	for _, p := range programs {
		for _, a := range targets {
			if p.fits(a) {
				about[p.name+" "+a.name] = p.about
			}
		}
	}
	var b strings.Builder
	b.WriteString("\n| program | target | size | gzip -9 | resident: idle | in use | of that its own | starts in |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range readTable(t) {
		a, emulated := targetNamed(t, r.target), ""
		if a.emulator != "" {
			emulated = " (qemu)"
		}
		starts := fmt.Sprintf("%d ms%s", r.start, emulated)
		if a.bare {
			starts = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", about[r.program+" "+r.target], r.target,
			megabytes(r.size), megabytes(r.packed), kilobytes(r.idle), kilobytes(r.used), kilobytes(r.own), starts)
	}
	return b.String() + "\n"
}

// megabytes is a size of so many bytes, in units of 10^6, or of 10^3 where it is small; "–" for
// what was not measured.
func megabytes(n int64) string {
	switch {
	case n == 0:
		return "–"
	case n < 100e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// kilobytes is a size of so many kB of 1024 bytes, in units of 10^6 bytes.
func kilobytes(n int) string { return megabytes(int64(n) << 10) }
