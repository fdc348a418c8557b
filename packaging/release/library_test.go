package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// libraryOf builds the packages of the C library from sources in a directory, and returns
// where they are.
func libraryOf(t *testing.T, sources string) (runtime, dev string) {
	t.Helper()
	r, err := newRelease(t.Context(), root(t), "v1.2.3-rc.1")
	require.NoError(t, err)
	r.source = sources
	out := t.TempDir()
	made, err := r.library(t.Context(), t.TempDir(), out)
	require.NoError(t, err)
	require.Len(t, made, 2)
	return filepath.Join(out, made[0]), filepath.Join(out, made[1])
}

// field asks a package for one of its fields.
func field(t *testing.T, deb, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--field", deb, name).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// The example of the package is built in a clean Debian with nothing but the package, and
// runs there with the library's package alone.
func TestLibraryPackages(t *testing.T) {
	runtime, dev := libraryOf(t, root(t))
	assert.Equal(t, "1.2.3~rc.1", field(t, runtime, "Version"))
	assert.Equal(t, "libcoapgw1 (= 1.2.3~rc.1), libc6-dev", field(t, dev, "Depends"))
	assert.Regexp(t, `^libc6 \(>= 2\.\d+\)$`, field(t, runtime, "Depends"))

	c := newChroot(t, "gcc", "libc6-dev", "pkgconf", "binutils")
	c.install(runtime)
	c.install(dev)
	build := func(program string, flags string) {
		c.run("sh", "-c", "gcc -std=c99 -Wall -Wextra -Werror -pedantic -pthread -o /root/"+program+
			" /usr/share/doc/libcoapgw-dev/examples/room.c "+flags)
	}
	build("shared", "$(pkgconf --cflags --libs coapgw)")
	build("static", "-static $(pkgconf --cflags --libs --static coapgw)")
	assert.Contains(t, c.run("readelf", "--dynamic", "/root/shared"), "[libcoapgw.so.1]")

	c.run("dpkg", "--purge", "libcoapgw-dev")
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "root/wrong"), []byte("no pairing line\n"), 0o600))
	for _, program := range []string{"shared", "static"} {
		said, err := c.try("/root/"+program, "/root/wrong", "alice", "!room:example.org", "hello", "bye")
		assert.Error(t, err)
		assert.Contains(t, said, "open: wrong argument: ", program)
	}
	c.run("dpkg", "--purge", "libcoapgw1")
	said, err := c.try("/root/shared")
	assert.Error(t, err)
	assert.Contains(t, said, "libcoapgw.so.1", "it runs without its library")
}

// The same sources give the same library, wherever they lie.
func TestLibraryIsReproducible(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	var first []byte
	for _, dir := range []string{"a", "a/rather longer/path"} {
		sources := filepath.Join(t.TempDir(), dir)
		copySources(t, sources)
		var both []byte
		runtime, dev := libraryOf(t, sources)
		for _, deb := range []string{runtime, dev} {
			data, err := os.ReadFile(deb)
			require.NoError(t, err)
			both = append(both, data...)
		}
		if first == nil {
			first = both
		}
		assert.True(t, bytes.Equal(first, both), "%s differs", dir)
	}
}
