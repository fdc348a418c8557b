//go:build !clientonly

package main

import (
	"bytes"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// arguments are separated by spaces; "=" is a space within one.
func arguments(s string) []string {
	args := strings.Fields(s)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "=", " ")
	}
	return args
}

func TestInspectHelp(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	r := coapgw(t, "", "inspect", "--help")
	assert.Equal(t, exitOK, r.code)
	golden.File(t, "testdata/help/coapgw_inspect.txt", r.out, golden.Update())
}

// None of these depends on the coder's model: their payloads are raw or of version 1. Few
// depend on rows of the dialect's tables.
func TestInspect(t *testing.T) {
	for _, tt := range []struct{ name, stdin, args string }{
		{"inquiry", "41 01 12 34 07 d0 fc", ""},
		{"hello", "4101000100 b130 dae8 7379745f736563726574 1101 3102 c50a8b9ef4c5", ""},
		{"version1_response", "6145000100c13cd1eb02cd030a8b9ef4c56578616d706c652e6f7267ffa11864826476312e316576312e3131", ""},
		{"sync_request", "41050003 02 d0f6 ff 00 00 83 00ce0d 04", ""},
		{"references", "00 d6a20201 0300 00 d720", "--payload"},
		{"response", "00 a2 13cf83010203 22a2 06d6c065616c696365 2124", "--payload --response --server-name example.org"},
		{"password", "00 781d 504f5354202f5f6d61747269782f636c69656e742f76332f6c6f67696e a1 6870617373776f7264 6a73776565746865617274", "--payload"},
		{"unknown_state", "6180 0003 02 ff 0301", "--route GET=/_matrix/client/versions"},
		{"padded", "07 03 000004 00000000", "--payload"},
		{"pieces", "0b 05 00a207f5 06 02 00f4", "--payload --response"},
		{"dtls", "19fefd0001000000000007aabb0020 00112233445566778899aabbccddeeff 00112233445566778899aabbccddeeff", ""},
		{"nonsense", "ffffffff", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := coapgw(t, tt.stdin, append([]string{"inspect"}, arguments(tt.args)...)...)
			require.NotContains(t, r.out, "secret")
			require.NotContains(t, r.out, "sweetheart")
			golden.File(t, "testdata/inspect/"+tt.name+".txt", r.out+r.err, golden.Update())
			binary, err := hex.DecodeString(strings.ReplaceAll(tt.stdin, " ", ""))
			require.NoError(t, err)
			assert.Equal(t, r.out, coapgw(t, string(binary), append([]string{"inspect"}, arguments(tt.args)...)...).out, "as bytes")
		})
	}
}

func TestInspectCapture(t *testing.T) {
	client, server := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000}, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5683}
	var file bytes.Buffer
	c, err := linkemu.NewCapture(&file)
	require.NoError(t, err)
	at := time.Unix(1_800_000_000, 0)
	for n, m := range []struct {
		up   bool
		text string
	}{
		{true, "4105000300ff000081 04"},
		{true, "4105000300ff000081 04"},
		{false, "6145000300ff 00 d6a202010300 a2 13 d6cf83010203 17a11818a1 d6c1636f6e65 a0"},
		{true, "4105000401ff 00 d6a10001 00 82 01d721"},
		{false, "6145000401ff 00 a2 13cf83010000 17a11818a1 d700 a0"},
		{true, "16fefd00000000000000000004 02000000"},
	} {
		data, err := hex.DecodeString(strings.ReplaceAll(m.text, " ", ""))
		require.NoError(t, err)
		from, to := client, server
		if !m.up {
			from, to = server, client
		}
		require.NoError(t, c.Record(at.Add(time.Duration(n)*time.Second), from, to, data))
	}
	name := filepath.Join(t.TempDir(), "hf.pcap")
	require.NoError(t, os.WriteFile(name, file.Bytes(), 0o600))
	r := coapgw(t, "", "inspect", "--server-name", "example.org", name)
	assert.Equal(t, exitOK, r.code, r.err)
	golden.File(t, "testdata/inspect/capture.txt", r.out, golden.Update())
	assert.Equal(t, r.out, coapgw(t, file.String(), "inspect", "--server-name", "example.org").out, "piped")
}

func TestInspectErrors(t *testing.T) {
	for args, want := range map[string]string{
		"inspect /nonexistent": "/nonexistent",
		"inspect":              "nothing to show",
	} {
		r := coapgw(t, "", strings.Fields(args)...)
		assert.NotEqual(t, exitOK, r.code)
		assert.Contains(t, r.err, want)
	}
	r := coapgw(t, "40010001", "inspect", "--route", "BREW /coffee")
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, r.err, "--route")
	r = coapgw(t, "00 15", "inspect", "--payload", "--after", "/_matrix/client/v3/sync")
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, r.err, "--after")
	r = coapgw(t, "00 15", "inspect", "--payload", "--after", "/_matrix/client/v3/rooms/!r:example.org/send/m.room.message/m1700000000000.1")
	assert.Equal(t, exitOK, r.code, r.err)
}
