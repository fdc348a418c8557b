// Package golden holds what stands in the repository to what a test makes of it: files,
// parts of documents between two comments, and tables of testdata. The tests of those
// packages use it whose results are documented.
package golden

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Part is what stands in a file between two lines, which it does not include.
type Part struct{ File, Begin, End string }

// WrittenBy is the part of a file between the comments "<!-- name: written by command -->"
// and "<!-- /name -->".
func WrittenBy(file, name, command string) Part {
	return Part{file, "<!-- " + name + ": written by " + command + " -->\n", "<!-- /" + name + " -->\n"}
}

// Of is the part of a file between the comments "<!-- begin: name -->" and "<!-- end: name -->".
func Of(file, name string) Part {
	return Part{file, "<!-- begin: " + name + " -->\n", "<!-- end: " + name + " -->\n"}
}

// Read returns the part, which has to be there once.
func (p Part) Read(t testing.TB) string {
	t.Helper()
	_, text, _ := p.cut(t)
	return text
}

// Hold fails the test unless the part is what it should be. With update it writes it instead.
func (p Part) Hold(t testing.TB, want string, update bool) {
	t.Helper()
	before, text, after := p.cut(t)
	if update {
		require.NoError(t, os.WriteFile(p.File, []byte(before+want+after), 0o644))
		return
	}
	require.Equal(t, want, text, "%s is not what it should be. If the change is meant, write it: %s", p.File, strings.TrimSpace(p.Begin))
}

func (p Part) cut(t testing.TB) (before, text, after string) {
	t.Helper()
	b, err := os.ReadFile(p.File)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(b), p.Begin)
	require.True(t, ok, "%s has no %q", p.File, p.Begin)
	text, after, ok = strings.Cut(rest, p.End)
	require.True(t, ok, "%s has no %q", p.File, p.End)
	require.NotContains(t, after, p.Begin, "%s has it twice", p.File)
	return before + p.Begin, text, p.End + after
}

// File fails the test unless a file has this content. With update it writes it instead,
// into a folder that is there.
func File(t testing.TB, name, content string, update bool) {
	t.Helper()
	if update {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o644))
		return
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), content, "%s is not what it should be. If the change is meant, write it: UPDATE_GOLDEN=1, or -update", name)
}

// Update reports whether the environment asks for what is meant to have changed to be
// written (UPDATE_GOLDEN=1), in packages whose tests have no flag for it.
func Update() bool { return os.Getenv("UPDATE_GOLDEN") != "" }
