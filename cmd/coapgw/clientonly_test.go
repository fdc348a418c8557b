//go:build clientonly

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smallDefaults are those of a small machine, and what they are elsewhere.
var smallDefaults = strings.NewReplacer(
	"--keep-answers=1048576 ", "--keep-answers=16777216",
	"--max-media=2097152 ", "--max-media=33554432",
	"--max-body=4194304 ", "--max-body=67108864",
	"--device=handheld", "--device=server  ",
)

// notSmall are the options that this build has not: of what tells machines.
var notSmall = regexp.MustCompile(`(?m)^      --otlp-.*\n(?: {8,}.*\n)*`)

// What is left explains itself as the whole program does, but for some defaults: the options
// have one description.
func TestHelpIsThatOfTheWholeProgram(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	for _, command := range []string{"connect", "version"} {
		r := coapgw(t, "", command, "--help")
		require.Equal(t, exitOK, r.code, r.err)
		want, err := os.ReadFile(filepath.Join("testdata", "help", "coapgw_"+command+".txt"))
		require.NoError(t, err)
		assert.Equal(t, notSmall.ReplaceAllString(string(want), ""), smallDefaults.Replace(r.out))
	}
}

func TestOnlyTheClientsSide(t *testing.T) {
	r := coapgw(t, "", "--help")
	require.Equal(t, exitOK, r.code, r.err)
	_, list, ok := strings.Cut(r.out, "Commands:\n")
	require.True(t, ok, r.out)
	var names []string
	for line := range strings.Lines(list) {
		if words := strings.Fields(line); strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") {
			names = append(names, words[0])
		}
	}
	assert.Equal(t, []string{"connect", "check", "version"}, names, r.out)
	for _, command := range []string{"serve", "check serve", "demo", "keygen", "manual"} {
		r := coapgw(t, "", strings.Fields(command)...)
		assert.Equal(t, exitUsage, r.code, command)
	}
	assert.Contains(t, coapgw(t, "", "version").out, "client only")
}

func TestCheckConnect(t *testing.T) {
	r := coapgw(t, "", "check", "connect", "--server", "coap://127.0.0.1:1", "--plain-insecure", "--listen", "127.0.0.1:0", "--status-listen", "")
	assert.Equal(t, exitOK, r.code, r.out+r.err)
	r = coapgw(t, "", "check", "connect", "--server", "coap://127.0.0.1:1", "--plain-insecure", "--listen", "127.0.0.1:0", "--status-token-file", filepath.Join(t.TempDir(), "none"))
	assert.Equal(t, exitFailure, r.code, r.out+r.err)
}
