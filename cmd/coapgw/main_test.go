//go:build !clientonly

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
)

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	for _, command := range []string{"", "serve", "connect", "check", "demo", "link", "keygen", "keygen psk", "keygen cert", "keygen ca", "request", "measure", "cbor", "cbor encode", "cbor decode", "cbor diag", "version"} {
		t.Run(command, func(t *testing.T) {
			r := coapgw(t, "", append(strings.Fields(command), "--help")...)
			assert.Equal(t, exitOK, r.code)
			assert.Empty(t, r.err)
			golden.File(t, filepath.Join("testdata", "help", strings.ReplaceAll("coapgw "+command, " ", "_")+".txt"), r.out, golden.Update())
		})
	}
}

func TestUsageErrors(t *testing.T) {
	tests := []struct {
		args string
		want string
	}{
		{"", "serve"},
		{"nonsense", "nonsense"},
		{"serve", "--homeserver"},
		{"serve --homeserver x", "--homeserver"},
		{"serve --homeserver http://h", "--psk-file"},
		{"serve --homeserver http://h --psk-file k --listen x", "--listen"},
		{"serve --homeserver http://h --psk-file k --log-level loud", "--log-level"},
		{"serve --homeserver http://h --psk-file k --link pigeon", "--link"},
		{"serve --homeserver http://h --psk-file k --max-body 0", "--max-body"},
		{"serve --homeserver http://h --psk-file k --stop-timeout soon", "--stop-timeout"},
		{"connect", "--server"},
		{"connect --server coap://h", "--plain-insecure"},
		{"connect --server coaps://h --fingerprint 00 --https-listen :0", "--tls-cert"},
		{"link --to 127.0.0.1:1", "--profile"},
		{"link --profile pigeon --to 127.0.0.1:1", "--profile"},
		{"link --profile gprs", "--to"},
		{"link --profile gprs --to 127.0.0.1", "--to"},
		{"request", "<method>"},
		{"request GET nowhere --server coaps://h --fingerprint 00", "nowhere"},
		{"request GET /x", "--server"},
		{"request GET coap://h/x", "--plain-insecure"},
		{"cbor encode --cbor-version 7", "--cbor-version"},
		{"cbor diag --cbor-version 7", "--cbor-version"},
		{"request GET /x --server coaps://h --fingerprint 00 --timeout=-1s", "--timeout"},
		{"demo --homeserver x", "--homeserver"},
		{"demo --listen x", "--listen"},
		{"demo --link pigeon", "--link"},
		{"keygen ca", "--cert"},
		{"keygen cert --cert c --key k --client me", "--ca"},
		{"keygen cert --cert c --key k --ca x", "--ca-key"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			r := coapgw(t, "", strings.Fields(tt.args)...)
			assert.Equal(t, exitUsage, r.code)
			assert.Empty(t, r.out)
			assert.Contains(t, r.err, tt.want)
			assert.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
			assert.True(t, strings.HasPrefix(r.err, "coapgw: "))
		})
	}
}

func TestFailures(t *testing.T) {
	for _, args := range []string{
		"serve --homeserver http://h --psk-file /nonexistent",
		"serve --homeserver http://h --plain-insecure --listen 256.0.0.1:0 --log-level error",
		"connect --listen 0.0.0.0:0 --server coap://h --plain-insecure",
		"connect --pairing @/nonexistent",
		"demo --listen 0.0.0.0:0",
		"keygen psk --server https://gw.example",
		"cbor decode",
	} {
		r := coapgw(t, "", strings.Fields(args)...)
		assert.Equal(t, exitFailure, r.code, args)
		assert.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
	}
}

// Errors that were joined stand in one line.
func TestErrorsInOneLine(t *testing.T) {
	var out bytes.Buffer
	assert.Equal(t, exitFailure, fail(streams{err: &out}, errors.Join(io.EOF, io.ErrClosedPipe), exitFailure))
	assert.Equal(t, "coapgw: EOF; io: read/write on closed pipe\n", out.String())
}

// The file is named once.
func TestPSKFileErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(file, []byte("me:secret\n"), 0o600))
	r := coapgw(t, "", "serve", "--homeserver", "http://h", "--psk-file", file)
	assert.Equal(t, "coapgw: "+file+": PSK file, line 1: the key is not hexadecimal\n", r.err)
}

func TestEnvironment(t *testing.T) {
	t.Setenv("COAPGW_HOMESERVER", "ftp://h")
	assert.Contains(t, coapgw(t, "", "serve").err, `"ftp://h"`)
	assert.Contains(t, coapgw(t, "", "serve", "--homeserver", "gopher://h").err, `"gopher://h"`, "a flag goes first")
	t.Setenv("COAPGW_SERVER", "coaps://h")
	r := coapgw(t, "", "keygen", "psk")
	assert.Equal(t, exitOK, r.code)
	assert.Equal(t, 1, strings.Count(r.out, "\n"), "what connect shall use changes nothing that keygen makes")
}

// TestExposedKeyIsReported gives serve a key file that everyone may read.
func TestExposedKeyIsReported(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	require.Equal(t, exitOK, coapgw(t, "", "keygen", "psk", "--psk-file", file).code)
	require.NoError(t, os.Chmod(file, 0o644))
	r := coapgw(t, "", "serve", "--homeserver", "http://h", "--psk-file", file, "--listen", "256.0.0.1:0")
	assert.Equal(t, exitFailure, r.code)
	assert.Contains(t, r.err, "secret file")
}

func TestVersion(t *testing.T) {
	r := coapgw(t, "", "version")
	assert.Equal(t, exitOK, r.code)
	assert.Regexp(t, `^coapgw \S+, wire versions 1 and 2, go\S+ \S+/\S+\ncommit: \S+\ndate:   \S+\nformat: [0-9a-f]{8}\n$`, r.out)
	assert.Equal(t, r, coapgw(t, "", "--version"))
}

func TestCBOR(t *testing.T) {
	const text = `{"msgtype":"m.text","body":"hello","8":[1.0,null,9007199254740993]}`
	encoded := coapgw(t, text, "cbor", "encode")
	require.Equal(t, exitOK, encoded.code, encoded.err)
	assert.Less(t, len(encoded.out), len(text))
	assert.Equal(t, text+"\n", coapgw(t, encoded.out, "cbor", "decode").out)
	assert.Contains(t, coapgw(t, encoded.out, "cbor", "diag").out, `27: "hello"`)

	assert.Contains(t, coapgw(t, encoded.out, "cbor", "diag", "--cbor-version", "1").out, `"body": "hello"`)

	plain := coapgw(t, text, "cbor", "encode", "--cbor-version", "0")
	assert.Greater(t, len(plain.out), len(encoded.out))
	assert.Contains(t, coapgw(t, plain.out, "cbor", "diag").out, `"body": "hello"`)

	for _, args := range [][]string{{"cbor", "encode"}, {"cbor", "decode"}, {"cbor", "diag"}} {
		r := coapgw(t, "\xff{", args...)
		assert.Equal(t, exitFailure, r.code, args)
		assert.Empty(t, r.out, args)
		assert.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
	}
}

// TestCommandsStop checks that a command which waits ends with its context.
func TestCommandsStop(t *testing.T) {
	for _, args := range []string{
		"serve --plain-insecure --listen 127.0.0.1:0 --homeserver http://127.0.0.1:1 --log-level error",
		"connect --plain-insecure --listen 127.0.0.1:0 --server coap://127.0.0.1:1",
	} {
		ctx, stop := context.WithCancel(t.Context())
		out, ready := io.Pipe()
		code := make(chan int, 1)
		var errs bytes.Buffer
		go func() { code <- run(ctx, strings.Fields(args), streams{out: ready, err: &errs}) }()
		readyAddress(t, out)
		stop()
		assert.Equal(t, exitOK, <-code, errs.String())
	}
}

// What is wrong with the file is said in a line that names it.
func TestConfigFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"homesever: http://h": "line 1: there is no option \"homesever\"; homeserver is one",
		"\nserver: coaps://h": "line 2: there is no option \"server\"", // it is connect's
		"config: other.yaml":  "no option \"config\"",
		"help: true":          "no option \"help\"",
		"max-body: much":      "--max-body",
		"homeserver: x":       "--homeserver",
		"homeserver: http://h\nthumbnails: perhaps":        "--thumbnails",
		"homeserver: http://h\nplain-insecure: [yes, yes]": "takes one value",
	} {
		file := filepath.Join(t.TempDir(), "serve.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		r := coapgw(t, "", "serve", "--config", file)
		assert.Equal(t, exitUsage, r.code, text)
		assert.Contains(t, r.err, want)
		assert.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
	}
	r := coapgw(t, "", "serve", "--config", "/nonexistent")
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, r.err, "/nonexistent")
}

// TestSignalsInARow: only what comes well after the first signal ends the program at once.
func TestSignalsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, tell := context.WithCancel(t.Context())
		var atOnce atomic.Bool
		soonAfter(ctx, func() { atOnce.Store(true) })
		time.Sleep(time.Hour)
		tell()
		time.Sleep(oneSignal - 1)
		synctest.Wait()
		assert.False(t, atOnce.Load())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.True(t, atOnce.Load())
	})
}
