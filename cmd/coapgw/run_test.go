package main

import (
	"bytes"
	"strings"
	"testing"
)

// result is what a run of the program left.
type result struct {
	code     int
	out, err string
}

// coapgw runs the program.
func coapgw(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, streams{in: strings.NewReader(stdin), out: &out, err: &errs})
	return result{code, out.String(), errs.String()}
}
