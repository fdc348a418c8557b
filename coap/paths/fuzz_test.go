package paths

import (
	"strings"
	"testing"
)

func FuzzPath(f *testing.F) {
	for _, c := range pathCases {
		f.Add(c.path, true)
	}
	f.Fuzz(func(t *testing.T, path string, fold bool) { checkPath(t, path, fold) })
}

func FuzzQuery(f *testing.F) {
	for _, c := range queryCases {
		f.Add(c.query)
	}
	f.Fuzz(func(t *testing.T, query string) { checkQuery(t, query) })
}

// FuzzExpand takes segments divided by newlines.
func FuzzExpand(f *testing.F) {
	for _, c := range pathCases {
		f.Add(strings.Join(c.segments, "\n"), c.form.Byte())
	}
	f.Fuzz(func(t *testing.T, segments string, form uint8) {
		checkExpand(t, strings.Split(segments, "\n"), form)
	})
}
