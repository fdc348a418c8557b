package footprint

import (
	"bytes"
	"compress/gzip"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// program is what is measured.
type program struct {
	name, about string
	pkg         string
	flags       []string // of go build
	// mostSize and mostPacked bound its file in bytes on every target, mostMemory what is
	// resident in kB: what the program was promised to fit in. 0: nothing was.
	mostSize, mostPacked int64
	mostMemory           int
	// targets are the names of those that it is built for, nil for all.
	targets []string
	// make builds it, nil for what is written in Go; the first file is what runs.
	make func(t *testing.T, a target, dir string) (files []string)
	// run starts it on a target and has it do what it is for; nil where nothing here can run it.
	run func(w *world, t *testing.T, a target, file string) taken
}

// fits reports whether it is measured on a target.
func (p program) fits(a target) bool {
	if p.targets == nil {
		return !a.bare
	}
	return slices.Contains(p.targets, a.name)
}

// build builds it for a target into dir.
func (p program) build(t *testing.T, a target, dir string) (files []string) {
	t.Helper()
	if p.make != nil {
		return p.make(t, a, dir)
	}
	return []string{a.build(t, p, dir)}
}

const mebi = 1 << 20

var programs = []program{
	{
		name: "gateway", about: "the whole program, as `connect`", pkg: "./cmd/coapgw",
		run: (*world).converse,
	},
	{
		name: "clientonly", about: "the client's side alone, as `connect`", pkg: "./cmd/coapgw", flags: []string{"-tags", "clientonly"},
		mostSize: 16 * mebi, mostPacked: 7 * mebi, mostMemory: smallMachine,
		run: (*world).converse,
	},
	{
		name: "sensor", about: "[a client in Go](examples/go/sensor), with a key alone", pkg: "./examples/go/sensor", flags: []string{"-tags", "coapgw_psk"},
		mostSize: 8e6, mostMemory: 12 << 10, run: (*world).report,
	},
	{
		name: "c-shared", about: "[a client in C](examples/c) with `libcoapgw.so`", targets: withC,
		make: func(t *testing.T, a target, dir string) []string { return a.compileC(t, dir, false) },
		run:  (*world).chat,
	},
	{
		name: "c-static", about: "[a client in C](examples/c) with `libcoapgw.a` and libc", targets: withC,
		make: func(t *testing.T, a target, dir string) []string { return a.compileC(t, dir, true) },
		run:  (*world).chat,
	},
	{
		name: "libcoap", about: "[a client in C](examples/microcontroller) on libcoap, without that", targets: []string{"amd64"},
		mostSize: 64 << 10, make: compileLibcoap, run: (*world).relate,
	},
	{
		name: "libcoap", about: "[a client in C](examples/microcontroller), code and constants, without libcoap and libc", targets: []string{cortexM4},
		mostSize: 10e3, make: compileCortexM4,
	},
}

// smallMachine is half the memory of a small router, in kB: the system has the rest.
const smallMachine = 32 << 10

// sizes are those of files: as they are, and as a compressing file system or an archive has
// them.
func sizes(t *testing.T, files []string) (plain, packed int64) {
	t.Helper()
	for _, file := range files {
		n, m := sizesOf(t, file)
		plain, packed = plain+n, packed+m
	}
	return plain, packed
}

func sizesOf(t *testing.T, file string) (plain, packed int64) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return int64(len(data)), int64(b.Len())
}
