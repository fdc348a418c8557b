package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/coapgw/coapgw/cborcodec/coder"
)

// sizeClasses are the rows of the table: payloads shorter than so many bytes.
var sizeClasses = []int{30, 100, 300, 1000, coder.MaxMixing + 1, math.MaxInt}

// row is what messages of one class take in each form.
type row struct{ n, raw, deflate, mixing, best int }

func (r *row) add(o row) {
	r.n += o.n
	r.raw += o.raw
	r.deflate += o.deflate
	r.mixing += o.mixing
	r.best += o.best
}

// measureTable codes messages in each way.
func measureTable(c *coder.Coder, all []message) []row {
	rows := make([]row, len(sizeClasses)+1)
	size := func(m message, p coder.Policy) int {
		return len(c.AppendCoded(nil, m.prelude, m.payload, p))
	}
	for _, m := range all {
		r := row{
			n: 1, raw: 1 + len(m.payload),
			deflate: size(m, coder.Policy{Deflate: math.MaxInt}),
			mixing:  size(m, coder.Policy{Mixing: coder.MaxMixing}),
			best:    size(m, coder.Server.Policy()),
		}
		r.best = min(r.best, r.deflate)
		for i, class := range sizeClasses {
			if len(m.payload) < class {
				rows[i].add(r)
				break
			}
		}
		rows[len(rows)-1].add(r)
	}
	return rows
}

// printTable writes rows as text.
func printTable(w io.Writer, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "payload\tmessages\traw\tdeflate\tmixing\tbest\tbest/message\tbest/raw\t")
	for i, r := range rows {
		name := "all"
		switch {
		case i < len(sizeClasses)-1:
			name = fmt.Sprintf("< %d B", sizeClasses[i])
		case i == len(sizeClasses)-1:
			name = "longer"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f B\t%.1f %%\t\n", name, r.n, r.raw, r.deflate, r.mixing, r.best,
			float64(r.best)/float64(max(r.n, 1)), 100*float64(r.best)/float64(max(r.raw, 1)))
	}
	return t.Flush()
}
