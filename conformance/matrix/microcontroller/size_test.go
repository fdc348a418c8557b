package microcontroller

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLines: the client is short enough to be read. Its table is made and does not count.
func TestLines(t *testing.T) {
	lines := 0
	for _, name := range []string{"room.c", "cbor.h"} {
		text, err := os.ReadFile(filepath.Join(sources, name))
		require.NoError(t, err)
		lines += strings.Count(string(text), "\n")
		for line := range strings.Lines(string(text)) {
			assert.LessOrEqual(t, len(line), 140, "%s: %s", name, line)
		}
	}
	assert.Less(t, lines, 400)
}

// TestMake: make builds the client as the README says, and make size tells what the README
// tells of a microcontroller, as near as another version of the compiler may come to it.
func TestMake(t *testing.T) {
	find(t, "arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross")
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(sources)))
	for _, tls := range tlsLibraries {
		runMake(t, dir, "clean")
		runMake(t, dir, "TLS="+tls)
		require.FileExists(t, filepath.Join(dir, "room"))
	}
	sizes := regexp.MustCompile(`(?m)^\s*(\d+)\s+(\d+)\s+(\d+)\s+\d+\s+[0-9a-f]+\s+room\.m4\.o$`).FindStringSubmatch(runMake(t, dir, "size"))
	require.NotNil(t, sizes)
	readme, err := os.ReadFile(filepath.Join(sources, "README.md"))
	require.NoError(t, err)
	told := regexp.MustCompile(`(\d+) bytes of code and constants, (\d+) of data`).FindStringSubmatch(string(readme))
	require.NotNil(t, told)
	text, data, bss := number(t, sizes[1]), number(t, sizes[2]), number(t, sizes[3])
	assert.InEpsilon(t, text, number(t, told[1]), 0.1, "room.m4.o has %d", text)
	assert.InEpsilon(t, data+bss, number(t, told[2]), 0.1, "room.m4.o has %d", data+bss)
	assert.Less(t, text+data, 10_000)
}

func runMake(t *testing.T, dir string, args ...string) (said string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), find(t, "make", "make"), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "make %s\n%s", fmt.Sprint(args), out)
	return string(out)
}

func number(t *testing.T, digits string) int {
	t.Helper()
	n, err := strconv.Atoi(digits)
	require.NoError(t, err)
	return n
}
