package clib

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// valgrind returns how to run a program under it, with its findings in a file.
//
// Whether a value was ever set it cannot tell of Go, which reuses stacks without a word to it,
// so it is not asked about that. "Possibly lost" is what pthread_create keeps for threads of
// Go's that live to the end, and no error.
func valgrind(t *testing.T) (under []string, findings string) {
	findings = filepath.Join(t.TempDir(), "findings.xml")
	return []string{
		"valgrind", "--quiet", "--error-limit=no", "--undef-value-errors=no", "--xml=yes", "--xml-file=" + findings,
		"--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect",
	}, findings
}

// finding is an error as valgrind writes it.
type finding struct {
	Kind string   `xml:"kind"`
	What []string `xml:"what"`
	Leak string   `xml:"xwhat>text"`
	Aux  []string `xml:"auxwhat"`
	In   []string `xml:"stack>frame>fn"`
}

// ofMemory tells whether it is about what malloc gave: lost, freed twice or by somebody else,
// or touched where it is not. What valgrind thinks of stacks does not count: Go changes from
// one to another by setting the stack pointer, which it takes for a step on one stack where the
// two lie close together.
func (f finding) ofMemory() bool {
	switch f.Kind {
	case "InvalidRead", "InvalidWrite", "SyscallParam", "InvalidJump":
		return slices.ContainsFunc(f.Aux, func(aux string) bool { return strings.Contains(aux, "a block of size") })
	}
	return true
}

// found returns what valgrind has written of memory.
func found(t *testing.T, findings string) (memory []finding) {
	t.Helper()
	text, err := os.ReadFile(findings)
	require.NoError(t, err)
	var all struct {
		Errors []finding `xml:"error"`
		States []string  `xml:"status>state"`
	}
	require.NoError(t, xml.Unmarshal(text, &all), "%s", text)
	require.Equal(t, []string{"RUNNING", "FINISHED"}, all.States)
	for _, f := range all.Errors {
		if f.ofMemory() {
			memory = append(memory, f)
		}
	}
	return memory
}

func TestExampleIsCleanUnderValgrind(t *testing.T) {
	under, findings := valgrind(t)
	runExample(t, library(t).compile(t, example, shared), under...)
	assert.Empty(t, found(t, findings))
}

// valgrind sees what a program forgets to free, and what it uses after that: if it did not, the
// test above would say nothing.
func TestValgrindFinds(t *testing.T) {
	w := newWorld(t)
	program := library(t).compile(t, source("mistakes"), shared)
	for mistake, kinds := range map[string][]string{
		"nothing": nil, "own": {"Leak_DefinitelyLost"}, "response": {"Leak_DefinitelyLost"}, "message": {"Leak_DefinitelyLost"},
		"used": {"InvalidRead"}, "twice": {"InvalidFree"},
	} {
		t.Run(mistake, func(t *testing.T) {
			var got []string
			// Go's memory may hold words that look like the addresses of what is lost.
			for tries := 0; len(got) < len(kinds) && tries < 5 || tries == 0; tries++ {
				under, findings := valgrind(t)
				p := start(t, w.env(), append(under, program, mistake)...)
				assert.Zero(t, p.ends(), "%s", p)
				for _, f := range found(t, findings) {
					got = append(got, f.Kind)
				}
			}
			assert.Equal(t, kinds, slices.Compact(got))
		})
	}
}
