package delivery

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Row is a line of a table: what a step costs on a link.
type Row struct {
	Profile, Step string
	// Over is what carries it: Coapgw, HTTP1 or HTTP2.
	Over string
	// Run is Lossless or Usual.
	Run string
	Cost
}

// What carries a step.
const (
	Coapgw = "coapgw"
	HTTP1  = "HTTP/1.1" // without compression
	HTTP2  = "HTTP/2"   // with gzip
)

// Runs.
const (
	Lossless = "lossless" // without loss and jitter
	Usual    = "median"   // of the step's seeds
)

// columns are the names of a table's columns.
const columns = "profile\tstep\tover\trun\tseconds\tbytes up\tbytes down\n"

// never stands in the columns of what failed.
const never = "–"

// WriteTable writes rows under a comment, whose lines begin with "# ".
func WriteTable(w io.Writer, comment string, rows []Row) error {
	var b strings.Builder
	b.WriteString(comment + columns)
	for _, r := range rows {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t", r.Profile, r.Step, r.Over, r.Run)
		if r.Failed {
			fmt.Fprintf(&b, "%s\t%s\t%s\n", never, never, never)
			continue
		}
		fmt.Fprintf(&b, "%.3f\t%d\t%d\n", r.Took.Seconds(), r.Up, r.Down)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ReadTable reads what WriteTable has written.
func ReadTable(r io.Reader) ([]Row, error) {
	var rows []Row
	for in := bufio.NewScanner(r); ; {
		if !in.Scan() {
			return rows, in.Err()
		}
		line := in.Text()
		if strings.HasPrefix(line, "#") || line+"\n" == columns {
			continue
		}
		row, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		rows = append(rows, row)
	}
}

func parse(line string) (Row, error) {
	c := strings.Split(line, "\t")
	if len(c) != strings.Count(columns, "\t")+1 {
		return Row{}, fmt.Errorf("%d columns", len(c))
	}
	row := Row{Profile: c[0], Step: c[1], Over: c[2], Run: c[3]}
	if c[4] == never {
		row.Failed = true
		return row, nil
	}
	seconds, err := strconv.ParseFloat(c[4], 64)
	if err != nil {
		return row, err
	}
	row.Took = time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	if row.Up, err = strconv.ParseInt(c[5], 10, 64); err != nil {
		return row, err
	}
	row.Down, err = strconv.ParseInt(c[6], 10, 64)
	return row, err
}
