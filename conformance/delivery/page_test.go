package delivery_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/delivery"
	"github.com/coapgw/coapgw/conformance/golden"
)

const httpsPath = "../../testdata/links-https.tsv"

func readTable(t *testing.T, path string) []delivery.Row {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	rows, err := delivery.ReadTable(f)
	require.NoError(t, err)
	return rows
}

// costs finds what a step costs.
type costs map[[4]string]delivery.Cost

func readCosts(t *testing.T) costs {
	all := make(costs)
	for _, path := range []string{coapgwPath, httpsPath} {
		for _, r := range readTable(t, path) {
			all[[4]string{r.Profile, r.Step, r.Over, r.Run}] = r.Cost
		}
	}
	return all
}

// TestPage holds the table of docs/links.md to those of testdata, or writes it.
func TestPage(t *testing.T) {
	golden.WrittenBy("../../docs/links.md", "delivery", "go test ./conformance/delivery -update").Hold(t, page(readCosts(t)), *update)
}

// page is the table of what a person experiences.
func page(all costs) string {
	var b strings.Builder
	b.WriteString("\n| profile | first contact | a message sent | a message received | initial sync | an hour of waiting |\n|---|---|---|---|---|---|\n")
	for _, p := range link.Profiles() {
		fmt.Fprintf(&b, "| %s |", p.Name)
		for _, step := range []string{delivery.Connect, delivery.Send, delivery.Message, delivery.Initial, delivery.Idle} {
			fmt.Fprintf(&b, " %s |", all.cell(p.Name, step))
		}
		b.WriteString("\n")
	}
	return b.String() + "\n"
}

// cell is what a step costs over coapgw and, in brackets, over HTTP/2.
func (all costs) cell(profile, step string) string {
	var cells [2]string
	for i, over := range []string{delivery.Coapgw, delivery.HTTP2} {
		c, measured := all[[4]string{profile, step, over, delivery.Usual}]
		switch {
		case !measured:
			return ""
		case c.Failed:
			cells[i] = "never"
		case step == delivery.Idle:
			cells[i] = fmt.Sprintf("%.0f kB", float64(c.Up+c.Down)/1000)
		default:
			cells[i] = short(c.Took)
		}
	}
	return cells[0] + " (" + cells[1] + ")"
}

// short writes a time with digits as they matter to a person.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2g s", d.Seconds())
	case d < 10*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

// TestBulk: on links that are made for HTTP, much at a time takes coapgw at most
// maxOverHTTP2 times as long.
func TestBulk(t *testing.T) {
	const maxOverHTTP2 = 1.5
	all := readCosts(t)
	for _, profile := range []string{"leo-broadband", "geo-vsat"} {
		for _, step := range []string{delivery.Lazy, delivery.Initial, delivery.Download, delivery.Upload} {
			for _, run := range []string{delivery.Lossless, delivery.Usual} {
				ours, ok := all[[4]string{profile, step, delivery.Coapgw, run}]
				require.True(t, ok)
				theirs, ok := all[[4]string{profile, step, delivery.HTTP2, run}]
				require.True(t, ok)
				require.False(t, ours.Failed || theirs.Failed)
				ratio := ours.Took.Seconds() / theirs.Took.Seconds()
				t.Logf("%s, %s, %s: %.2f times HTTP/2", profile, step, run, ratio)
				assert.LessOrEqual(t, ratio, maxOverHTTP2, "%s, %s, %s", profile, step, run)
			}
		}
	}
}
