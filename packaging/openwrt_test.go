package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const initScript = "openwrt/coapgw-connect.init"

// procd stands for what OpenWrt's rc.common gives an init script: it prints what procd is
// told. The program is one that ends with the status $ends.
const procd = `
procd_open_instance() { echo open; }
procd_set_param() { echo set "$@"; }
procd_close_instance() { echo close; }
procd_send_signal() { echo signal "$@"; }
`

// service runs a function of the init script.
func service(t *testing.T, function, ends string) (string, error) {
	t.Helper()
	text, err := os.ReadFile(initScript)
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "coapgw")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\nexit "+ends+"\n"), 0o755))
	script := procd + strings.ReplaceAll(string(text), "/usr/bin/coapgw check", program+" check") + "\n" + function + "\n"
	out, err := exec.CommandContext(t.Context(), "sh", "-uc", script).Output()
	return string(out), err
}

func TestOpenWrtService(t *testing.T) {
	for _, ends := range []string{"0", "1"} { // a server that is not found yet may be later
		out, err := service(t, "start_service", ends)
		require.NoError(t, err, out)
		assert.Contains(t, out, "open\nset command /usr/bin/coapgw connect --config /etc/coapgw/connect.yaml\n")
		assert.Contains(t, out, "set respawn")
		assert.True(t, strings.HasSuffix(out, "close\n"), out)
	}
	out, err := service(t, "start_service", "2")
	assert.Error(t, err)
	assert.Empty(t, out, "it would be started over and over")
	out, err = service(t, "reload_service", "0")
	require.NoError(t, err)
	assert.Equal(t, "signal coapgw-connect\n", out)
	text, err := os.ReadFile(initScript)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "#!/bin/sh /etc/rc.common\n"))
	assert.Contains(t, string(text), "\nUSE_PROCD=1\n")
}
