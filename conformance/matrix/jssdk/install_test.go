package jssdk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// standIn puts a shell script into the way of a program.
func standIn(t *testing.T, name, script string) {
	t.Helper()
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o755))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// project writes what Install reads.
func project(t *testing.T, lock string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{manifest: "{}", lockFile: lock, script: "program"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

func TestInstallFetchesOncePerLockFile(t *testing.T) {
	calls := filepath.Join(t.TempDir(), "calls")
	t.Setenv("CALLS", calls)
	standIn(t, "npm", `echo "$@" >> "$CALLS"; mkdir node_modules`)
	cache := filepath.Join(t.TempDir(), "cache")
	source := project(t, "one")
	first, err := Install(t.Context(), source, cache)
	require.NoError(t, err)
	assert.DirExists(t, filepath.Join(first, "node_modules"))
	assert.FileExists(t, filepath.Join(first, lockFile))

	require.NoError(t, os.WriteFile(filepath.Join(source, script), []byte("changed"), 0o644))
	again, err := Install(t.Context(), source, cache)
	require.NoError(t, err)
	assert.Equal(t, first, again)
	text, err := os.ReadFile(filepath.Join(again, script))
	require.NoError(t, err)
	assert.Equal(t, "changed", string(text), "the program is the present one")

	other, err := Install(t.Context(), project(t, "two"), cache)
	require.NoError(t, err)
	assert.NotEqual(t, first, other)
	log, err := os.ReadFile(calls)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(log), "ci --ignore-scripts"), "%s", log)
	entries, err := os.ReadDir(cache)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "nothing else is left")
}

func TestInstallFailsWhole(t *testing.T) {
	standIn(t, "npm", "echo no such package; mkdir node_modules; exit 1")
	cache := t.TempDir()
	_, err := Install(t.Context(), project(t, "one"), cache)
	assert.ErrorContains(t, err, "no such package")
	entries, err := os.ReadDir(cache)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
