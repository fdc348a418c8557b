package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parsed returns what the command line makes of arguments, without running anything.
func parsed(t *testing.T, args ...string) (*commands, error) {
	t.Helper()
	cli, parser, err := newCommandLine(streams{})
	require.NoError(t, err)
	_, err = parser.Parse(args)
	return cli, err
}

// TestPrecedence: flags go before the environment, that before the file, that before the
// defaults.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "connect.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
server: coaps://file
listen: 127.0.0.1:1
link: geo-vsat
push: false
plain-insecure: true
max-body: 17
outbox-hold: 90s
policy: [typing=pass, receipts=drop]
status-host: one.example
`), 0o600))
	t.Setenv("COAPGW_LISTEN", "127.0.0.1:2")
	t.Setenv("COAPGW_LINK", "gprs")
	t.Setenv("COAPGW_STATUS_HOST", "two.example,three.example")
	cli, err := parsed(t, "connect", "--config", file, "--link", "hf-vara500")
	require.NoError(t, err)
	c := cli.Connect
	assert.Equal(t, "coaps://file", c.Server)
	assert.Equal(t, "127.0.0.1:2", c.Connect.Listen)
	assert.Equal(t, "hf-vara500", c.Name)
	assert.False(t, c.Push)
	assert.True(t, c.PlainInsecure)
	assert.EqualValues(t, 17, c.MaxBody)
	assert.Equal(t, "1m30s", c.Hold.String())
	assert.Equal(t, []string{"typing=pass", "receipts=drop"}, c.Rows)
	assert.Equal(t, []string{"two.example", "three.example"}, c.Hosts)
	assert.Equal(t, "info", c.Log.Level, "the default")
	cli, err = parsed(t, "connect", "--config", file, "--push", "--policy", "typing=drop")
	require.NoError(t, err)
	assert.True(t, cli.Connect.Push)
	assert.Equal(t, []string{"typing=drop"}, cli.Connect.Rows, "a list is not added to another")

	t.Setenv("COAPGW_CONFIG", file)
	cli, err = parsed(t, "connect")
	require.NoError(t, err)
	assert.Equal(t, "coaps://file", cli.Connect.Server)
}

// TestEmptyFileName: an empty value takes the name of a file back, wherever it was given.
func TestEmptyFileName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "connect.yaml")
	require.NoError(t, os.WriteFile(file, []byte("state: sessions\npsk-key-file: \"\"\n"), 0o600))
	cli, err := parsed(t, "connect", "--config", file, "--state=")
	require.NoError(t, err)
	assert.Empty(t, cli.Connect.State.File)
	assert.Empty(t, cli.Connect.PSKKeyFile)
	t.Setenv("COAPGW_STATE", "")
	t.Setenv("COAPGW_CONFIG", "")
	cli, err = parsed(t, "connect")
	require.NoError(t, err)
	assert.Empty(t, cli.Connect.State.File)
	cli, err = parsed(t, "connect", "--state", "sessions")
	require.NoError(t, err)
	assert.True(t, filepath.IsAbs(cli.Connect.State.File))
}
