package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/delivery"
	"github.com/coapgw/coapgw/conformance/operations"
)

// figures are those about links: a step, and what of its cost they show.
var figures = []struct {
	file, title, step string
	value             func(delivery.Cost) float64
	scale             []plot.Tick
}{
	{"connect.svg", "First contact: handshakes and /versions", delivery.Connect, seconds, times},
	{"send.svg", "A message sent", delivery.Send, seconds, times},
	{"message.svg", "A message received", delivery.Message, seconds, times},
	{"initial.svg", "Initial sync of 10 rooms", delivery.Initial, seconds, times},
	{"idle.svg", "An hour of waiting for news", delivery.Idle, octets, sizes},
}

func seconds(c delivery.Cost) float64 { return c.Took.Seconds() }
func octets(c delivery.Cost) float64  { return float64(c.Up + c.Down) }

// The scales.
var (
	times = []plot.Tick{
		{Value: 0.01, Label: "10 ms"},
		{Value: 0.1, Label: "0.1 s"},
		{Value: 1, Label: "1 s"},
		{Value: 10, Label: "10 s"},
		{Value: 60, Label: "1 min"},
		{Value: 600, Label: "10 min"},
		{Value: 3600, Label: "1 h"},
		{Value: 7200, Label: ""},
	}
	sizes = []plot.Tick{
		{Value: 100, Label: "100 B"},
		{Value: 1000, Label: "1 kB"},
		{Value: 10_000, Label: "10 kB"},
		{Value: 100_000, Label: "100 kB"},
		{Value: 300_000, Label: ""},
	}
)

// The manners of carrying, in the order in which legends name them.
var manners = []series{
	{name: delivery.Coapgw, color: blue, shape: draw.CircleGlyph{}},
	{name: delivery.HTTP2, color: orange, shape: draw.BoxGlyph{}},
	{name: delivery.HTTP1, color: grey, shape: draw.RingGlyph{}},
}

// called is the name of a manner in legends.
func called(manner string) string {
	if manner == delivery.HTTP2 {
		return manner + " + gzip"
	}
	return manner
}

// charts reads the tables and returns all figures by file.
func charts(testdata string) (map[string]chart, error) {
	all := make(map[string]chart)
	var rows []delivery.Row
	for _, name := range []string{"links-coapgw.tsv", "links-https.tsv"} {
		f, err := os.Open(filepath.Join(testdata, name))
		if err != nil {
			return nil, err
		}
		read, err := delivery.ReadTable(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rows = append(rows, read...)
	}
	for _, f := range figures {
		c := chart{title: f.title, scale: f.scale, series: empty()}
		for _, p := range link.Profiles() {
			values, any := of(rows, p.Name, f.step, f.value)
			if any {
				c.row(p.Name, values)
			}
		}
		all[f.file] = c
	}
	c, err := operationsChart(testdata)
	all["bytes.svg"] = c
	return all, err
}

// empty are the series without values.
func empty() []series {
	all := append([]series(nil), manners...)
	for i := range all {
		all[i].name = called(all[i].name)
	}
	return all
}

// row adds a row with a value for each manner.
func (c *chart) row(name string, values [3]float64) {
	c.rows = append(c.rows, name)
	for i, v := range values {
		c.series[i].values = append(c.series[i].values, v)
	}
}

// of returns what a step costs on a link, for each manner, if it is measured there.
func of(rows []delivery.Row, profile, step string, value func(delivery.Cost) float64) (values [3]float64, any bool) {
	for i, m := range manners {
		values[i] = math.NaN()
		for _, r := range rows {
			if r.Profile != profile || r.Step != step || r.Over != m.name || r.Run != delivery.Usual {
				continue
			}
			any, values[i] = true, value(r.Cost)
			if r.Failed {
				values[i] = math.Inf(1)
			}
		}
	}
	return values, any
}

// operationsChart is what operations cost in bytes.
func operationsChart(testdata string) (chart, error) {
	c := chart{title: "Bytes of an operation, up and down", scale: sizes, series: empty()}
	budgets, err := readTable(filepath.Join(testdata, "budgets.tsv"))
	if err != nil {
		return c, err
	}
	web, err := readTable(filepath.Join(testdata, "https.tsv"))
	if err != nil {
		return c, err
	}
	all, err := operations.All()
	if err != nil {
		return c, err
	}
	for _, op := range all {
		values := [3]float64{math.NaN(), math.NaN(), math.NaN()}
		for _, b := range budgets {
			if b["operation"] == op.Name && b["version"] == "1" && b["peer"] == "coapgw" && b["link"] == link.Default().Name && b["path"] != "r0" {
				values[0] = b.sum("up", "down")
			}
		}
		for _, w := range web {
			if w["operation"] == op.Name {
				values[1], values[2] = w.sum("HTTP/2 up", "HTTP/2 down"), w.sum("HTTP/1.1 up", "HTTP/1.1 down")
			}
		}
		c.row(op.About, values)
	}
	return c, nil
}

// line is a line of a table by the names of its columns.
type line map[string]string

// sum adds columns up; it is NaN if one is no number.
func (l line) sum(columns ...string) (sum float64) {
	for _, name := range columns {
		v, err := strconv.ParseFloat(l[name], 64)
		if err != nil {
			return math.NaN()
		}
		sum += v
	}
	return sum
}

// readTable reads a table whose first line that is no comment names the columns.
func readTable(path string) ([]line, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []line
	var names []string
	in := bufio.NewScanner(f)
	for in.Scan() {
		cells := strings.Split(in.Text(), "\t")
		switch {
		case strings.HasPrefix(in.Text(), "#"):
		case names == nil:
			names = cells
		case len(cells) != len(names):
			return nil, fmt.Errorf("%s: %d columns instead of %d: %q", path, len(cells), len(names), in.Text())
		default:
			l := make(line)
			for i, name := range names {
				l[name] = cells[i]
			}
			lines = append(lines, l)
		}
	}
	return lines, in.Err()
}
