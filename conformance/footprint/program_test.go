package footprint

import (
	"bytes"
	"compress/gzip"
	"os"
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
	// run starts it on a target and has it do what it is for.
	run func(w *world, t *testing.T, a target, file string) taken
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
}

// smallMachine is half the memory of a small router, in kB: the system has the rest.
const smallMachine = 32 << 10

// sizes are those of a file: as it is, and as a compressing file system or an archive has it.
func sizes(t *testing.T, file string) (plain, packed int64) {
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
