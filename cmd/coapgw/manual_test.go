//go:build !clientonly

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/manual"
)

// written runs the manual command and returns its files by name.
func written(t *testing.T) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "manual")
	r := coapgw(t, "", "manual", dir)
	require.Equal(t, exitOK, r.code, r.err)
	assert.Empty(t, r.out)
	files := make(map[string]string)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = string(text)
	}
	return files
}

// Whatever --help names, the manual and the completions name too.
func TestManualIsComplete(t *testing.T) {
	files := written(t)
	require.Len(t, files, 6)
	page := strings.ReplaceAll(files["coapgw.1"], `\-`, "-")
	seen, options := 0, 0
	var visit func(all []manual.Command)
	visit = func(all []manual.Command) {
		for _, c := range all {
			seen++
			for _, name := range []string{"coapgw.1", "coapgw.bash", "_coapgw", "coapgw.fish"} {
				assert.Contains(t, files[name], c.Name)
			}
			for _, o := range c.Options {
				options++
				assert.NotEmpty(t, o.Help, "%s --%s", c.Name, o.Name)
				assert.Contains(t, page, "--"+o.Name)
				assert.Contains(t, files["coapgw.bash"], "--"+o.Name)
				assert.Contains(t, files["_coapgw"], "--"+o.Name)
				assert.Contains(t, files["coapgw.fish"], "-l "+o.Name)
			}
			visit(c.Commands)
		}
	}
	var cli commands
	parser, err := kong.New(&cli, kong.Name("coapgw"), kong.Exit(func(int) {}))
	require.NoError(t, err)
	visit(described(parser.Model).Commands)
	assert.Greater(t, seen, 10)
	assert.Greater(t, options, 50)
	for name, text := range files {
		assert.NotContains(t, text, "manual ", "%s names what is hidden", name)
	}
}

func TestManualEnvironment(t *testing.T) {
	files := written(t)
	assert.Contains(t, files["serve.env"], "\n#COAPGW_HOMESERVER=\n")
	assert.Contains(t, files["serve.env"], "\n#COAPGW_LISTEN=:5684\n")
	assert.Contains(t, files["connect.env"], "\n#COAPGW_LISTEN=127.0.0.1:8008\n")
	assert.NotContains(t, files["connect.env"], "COAPGW_HOMESERVER")
	for name, text := range files {
		if !strings.HasSuffix(name, ".env") {
			continue
		}
		for line := range strings.Lines(text) {
			assert.True(t, line == "\n" || strings.HasPrefix(line, "#"), "%s: %q is set", name, line)
		}
	}
}

// The files must not depend on who makes the package.
func TestManualIsReproducible(t *testing.T) {
	first := written(t)
	t.Setenv("COAPGW_LISTEN", "127.0.0.1:1")
	t.Setenv("COLUMNS", "40")
	assert.Equal(t, first, written(t))
}

func TestManualSaysWhatFailed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	assert.Equal(t, exitFailure, coapgw(t, "", "manual", file).code)
}
