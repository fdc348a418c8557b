package footprint

import (
	"debug/elf"
	"debug/gosym"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module     = "github.com/coapgw/coapgw/"
	newConnect = module + "internal/gateway.NewConnect"
)

// ofServe are functions that only the homeserver's side calls. They lie in packages that
// both sides use: that a program goes without them is the linker's doing.
var ofServe = []string{
	module + "internal/gateway.NewServe", module + "internal/gateway.NewGuard", module + "internal/gateway.(*Station).Run",
	module + "coap.(*Server).Serve", module + "dtls.Listen", module + "internal/plainudp.Listen", "main.(*serveCmd).Run",
}

// TestServeIsLeftOut looks at what is linked into the program for small machines.
func TestServeIsLeftOut(t *testing.T) {
	dir, native := t.TempDir(), targetNamed(t, "amd64")
	whole, small := functions(t, native.build(t, programs[0], dir)), functions(t, native.build(t, programs[1], dir))
	require.True(t, small[newConnect])
	for _, name := range ofServe {
		assert.True(t, whole[name], "%s is nowhere, so that its absence says nothing", name)
		assert.False(t, small[name], name)
	}
}

// functions are the names of those in a program, stripped or not: the runtime has them too.
func functions(t *testing.T, file string) map[string]bool {
	t.Helper()
	f, err := elf.Open(file)
	require.NoError(t, err)
	defer f.Close()
	lines, text := f.Section(".gopclntab"), f.Section(".text")
	require.NotNil(t, lines)
	require.NotNil(t, text)
	data, err := lines.Data()
	require.NoError(t, err)
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	require.NoError(t, err)
	names := make(map[string]bool)
	for _, f := range table.Funcs {
		names[f.Name] = true
	}
	return names
}
