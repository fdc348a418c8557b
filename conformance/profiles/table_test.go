package profiles

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coapgw/coapgw/conformance/golden"
)

const (
	tablePath   = "../../testdata/links.tsv"
	tableHeader = `# A Matrix session over each link: what it costs without loss and jitter, and the median of 20 seeds, each column by itself.
# Seconds are of virtual time, ten minutes of silence left out; send is the mean of ten. Bytes count the overhead of the link's lower layers.
# go test ./conformance/profiles -update rewrites it.
profile	run	connect s	send s	session s	bytes up	bytes down	datagrams up	datagrams down	retransmitted	handshake datagrams	turnarounds
`
)

// costsOf is the table of costs in a document.
func costsOf(document string) golden.Part {
	return golden.WrittenBy(document, "costs", "go test ./conformance/profiles -update")
}

// row is a line of the table.
type row struct {
	profile, run string
	cost
}

func (r row) String() string {
	return fmt.Sprintf("%s\t%s\t%.3f\t%.3f\t%.3f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", r.profile, r.run,
		r.connect.Seconds(), r.send.Seconds(), r.total.Seconds(), r.bytesUp, r.bytesDown,
		r.datagramsUp, r.datagramsDown, r.retransmitted, r.handshake, r.turnarounds)
}

// median is the lower median of each column.
func median(costs []cost) cost {
	return cost{
		connect:       medianOf(costs, func(c cost) time.Duration { return c.connect }),
		send:          medianOf(costs, func(c cost) time.Duration { return c.send }),
		total:         medianOf(costs, func(c cost) time.Duration { return c.total }),
		bytesUp:       medianOf(costs, func(c cost) int64 { return c.bytesUp }),
		bytesDown:     medianOf(costs, func(c cost) int64 { return c.bytesDown }),
		datagramsUp:   medianOf(costs, func(c cost) int64 { return c.datagramsUp }),
		datagramsDown: medianOf(costs, func(c cost) int64 { return c.datagramsDown }),
		retransmitted: medianOf(costs, func(c cost) int64 { return c.retransmitted }),
		handshake:     medianOf(costs, func(c cost) int64 { return c.handshake }),
		turnarounds:   medianOf(costs, func(c cost) int64 { return c.turnarounds }),
	}
}

func medianOf[T int64 | time.Duration](costs []cost, column func(cost) T) T {
	values := make([]T, len(costs))
	for i, c := range costs {
		values[i] = column(c)
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// table is links.tsv.
func table(rows []row) string {
	var b strings.Builder
	b.WriteString(tableHeader)
	for _, r := range rows {
		b.WriteString(r.String())
	}
	return b.String()
}

// page is what docs/links.md says of the rows, which come in pairs.
func page(rows []row) string {
	var b strings.Builder
	b.WriteString("\n| profile | first contact | a send | the session | up | down | sent again |\n|---|---|---|---|---|---|---|\n")
	for pair := range slices.Chunk(rows, 2) {
		best, usual := pair[0], pair[1]
		seconds := func(column func(row) time.Duration) string {
			return short(column(usual)) + " (" + short(column(best)) + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1f kB | %.1f kB | %d |\n", usual.profile,
			seconds(func(r row) time.Duration { return r.connect }),
			seconds(func(r row) time.Duration { return r.send }),
			seconds(func(r row) time.Duration { return r.total }),
			float64(usual.bytesUp)/1000, float64(usual.bytesDown)/1000, usual.retransmitted)
	}
	return b.String() + "\n"
}

// short writes a time in seconds, with digits as they matter to a person.
func short(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2g s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// inReadme are the links of README's table, each with what it is.
var inReadme = [...]struct{ profile, what string }{
	{"geo-vsat", "satellite, VSAT"},
	{"iridium-2400", "Iridium, 2400 bit/s"},
	{"nbiot-ce2", "NB-IoT at its edge"},
	{"meshtastic-lf", "LoRa mesh, 1070 bit/s"},
	{"hf-vara500", "HF, 300 bit/s"},
	{"hf-s5066-75", "HF, 75 bit/s"},
}

// readme is what README says of the rows.
func readme(rows []row) string {
	var b strings.Builder
	b.WriteString("\n| link | first contact | a message sent |\n|---|---|---|\n")
	for _, l := range inReadme {
		for _, r := range rows {
			if r.profile == l.profile && r.run == "median" {
				fmt.Fprintf(&b, "| %s (`%s`) | %s | %s |\n", l.what, l.profile, short(r.connect), short(r.send))
			}
		}
	}
	return b.String() + "\n"
}

// checkTable holds the rows to the table and the pages, or writes them there.
// Nothing in a run is left to chance, so they are equal or something has changed.
func checkTable(t *testing.T, rows []row) {
	t.Helper()
	golden.File(t, tablePath, table(rows), *update)
	costsOf("../../docs/links.md").Hold(t, page(rows), *update)
	costsOf("../../README.md").Hold(t, readme(rows), *update)
}
