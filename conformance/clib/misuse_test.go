package clib

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each wrong argument is an error with a sentence.
func TestMisuse(t *testing.T) {
	w := newWorld(t)
	for _, how := range []linking{shared, static} {
		t.Run(string(how), func(t *testing.T) {
			start(t, w.env(), library(t).compile(t, source("misuse"), how)).succeeds()
		})
	}
}

// In a child of fork, which has none of Go's threads but one, nothing hangs.
func TestFork(t *testing.T) {
	w := newWorld(t)
	start(t, w.env(), library(t).compile(t, source("fork"), shared)).succeeds()
}

// goFunctions are the functions of the header behind which there is Go, and what an
// observation runs.
func goFunctions(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../../clib/*.go")
	require.NoError(t, err)
	guarded := regexp.MustCompile(`(?:guarded|using|provoke)\("([a-z_]+)"`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, found := range guarded.FindAllStringSubmatch(string(text), -1) {
			names = append(names, found[1])
		}
	}
	return names
}

// silent are the functions that have no message of a failure.
var silent = []string{"coapgw_unobserve", "coapgw_cancel", "coapgw_resume", "coapgw_network_changed"}

// A panic in any function is an error of that call, and the library goes on.
func TestPanicsDoNotCross(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	program := build(t, "provoked", "TAGS=provoke").compile(t, source("provoke"), shared)
	names := goFunctions(t)
	require.Len(t, names, 10)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			p := start(t, w.env("COAPGW_PROVOKE="+name, "TOKEN="+alice.Token), program, name)
			p.succeeds()
			if slices.Contains(silent, name) {
				assert.Equal(t, "internal error\n", p.String())
				return
			}
			assert.Contains(t, p.String(), "internal error in "+name+": runtime error: index out of range")
			assert.Contains(t, p.String(), "provoke.go:")
		})
	}
}
