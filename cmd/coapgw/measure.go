//go:build !clientonly

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/internal/measure"
)

type measureCmd struct {
	Files []string `arg:"" name:"file" help:"Recordings: JSON lines (one exchange a line), or HTTP archives (.har) as browsers export them." type:"existingfile"`
	JSON  bool     `name:"json" help:"Print one JSON object instead of a table."`
	// ServerName is the home server of all recordings.
	ServerName string `env:"-" help:"Name of the home server, as user IDs have it; by default guessed from each recording." placeholder:"NAME"`
	Variants   bool   `env:"-" help:"Measure other ways to write version 2, too: with fewer table entries or none, and with each coder."`
}

// Help is shown by measure --help.
func (measureCmd) Help() string {
	return `Counts what recorded Matrix traffic costs: as JSON over HTTP (path, query and both bodies), with the bodies as CBOR, in wire version 1 (path, query and content-format options and both bodies, /v3/ folded onto the r0 enums), and in wire version 2 (both payloads, each message acknowledged before the next, and all options). Headers of the layers below are the same for each and not counted. One file is one session, in order.

Example: record in the browser's network panel, export, and

  coapgw measure session.har`
}

// Run measures the files.
func (c *measureCmd) Run(std streams) error {
	format, err := wire2.Shipped(1)
	if err != nil {
		return err
	}
	meter := measure.NewMeter(format, measure.Options{Home: c.ServerName, Variants: c.Variants})
	for _, name := range c.Files {
		if err := measureFile(meter, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	report := meter.Report()
	if c.JSON {
		return json.NewEncoder(std.out).Encode(report)
	}
	return printReport(std.out, report)
}

func measureFile(meter *measure.Meter, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if strings.HasSuffix(strings.ToLower(name), ".har") {
		return meter.HAR(f)
	}
	return meter.JSONLines(f)
}

func printReport(out io.Writer, r measure.Report) error {
	row := func(name string, c measure.Cost) {
		fmt.Fprintf(out, "%-44s %6d %10d %10d %10d %10d %7.1f %% %7.1f %%\n", name, c.Count, c.JSON, c.CBOR, c.V1, c.V2, percent(c.V2, c.JSON), percent(c.V2, c.V1))
	}
	fmt.Fprintf(out, "%-44s %6s %10s %10s %10s %10s %9s %9s\n", "kind", "count", "JSON", "CBOR", "version 1", "version 2", "of JSON", "of v. 1")
	for _, kind := range r.KindNames() {
		row(kind, *r.Kinds[kind])
	}
	row("total", r.Total)
	for _, v := range measure.Variants()[1:] {
		if n, ok := r.Variants[v.Name]; ok {
			fmt.Fprintf(out, "%-44s %6s %10s %10s %10s %10d %7.1f %% %7.1f %%\n", v.Name, "", "", "", "", n, percent(n, r.Total.JSON), percent(n, r.Total.V1))
		}
	}
	reasons := make([]string, 0, len(r.Unusable))
	for reason := range r.Unusable {
		reasons = append(reasons, reason)
	}
	sort.Strings(reasons)
	for _, reason := range reasons {
		if _, err := fmt.Fprintf(out, "left out: %d, %s\n", r.Unusable[reason], reason); err != nil {
			return err
		}
	}
	return nil
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}
