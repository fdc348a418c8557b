package client_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// symbols are what a program of the module is linked of, with these tags.
func symbols(t *testing.T, program, tags string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", tags, "-o", out, program)
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	names, err := exec.CommandContext(t.Context(), "go", "tool", "nm", out).Output()
	require.NoError(t, err)
	return string(names)
}

const ours = "github.com/coapgw/coapgw/"

// TestLean: what a linker can leave out of a client it does leave out. The symbol in has is
// there to show that those in hasNot are written as the linker writes them.
func TestLean(t *testing.T) {
	server := []string{
		ours + "coap.(*Server).Serve", ours + "coap.(*serverSession).push", ours + "dtls.(*Listener).shake",
		"net/http.(*Server).Serve", "github.com/fxamacker/cbor/v2.(*decoder).parse",
	}
	for _, tt := range []struct {
		program, tags string
		has, hasNot   []string
	}{
		{"./examples/go/listen", "", []string{"net/http.(*Transport).RoundTrip", "encoding/json.Unmarshal", "encoding/gob.", "pion/dtls/v3.(*Conn)"}, nil},
		{"./examples/go/sensor", "", []string{"pion/dtls/v3.(*Conn)", "encoding/gob."}, []string{"net/http.(*Transport).RoundTrip", "encoding/json.Unmarshal"}},
		{"./examples/go/sensor", "coapgw_psk", []string{ours + "dtls.(*keyshake).run"}, []string{
			"net/http.(*Transport).RoundTrip", "encoding/json.Unmarshal", "pion/dtls/v3.(*Conn)", "crypto/x509.(*Certificate).Verify", "crypto/tls.(*Conn)",
		}},
	} {
		t.Run(tt.program+" "+tt.tags, func(t *testing.T) {
			names := symbols(t, tt.program, tt.tags)
			for _, name := range append(tt.has, ours+"client.(*Client).Do") {
				assert.Contains(t, names, name)
			}
			for _, name := range append(tt.hasNot, server...) {
				assert.False(t, strings.Contains(names, name), name)
			}
		})
	}
}
