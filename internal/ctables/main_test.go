package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap/paths"
)

const checkedIn = "../../examples/microcontroller/msc3079.h"

// TestHeader: the header that is checked in is the one that the command writes.
func TestHeader(t *testing.T) {
	want, err := header(cborcodec.KeysV1(), paths.V1().Rows())
	require.NoError(t, err)
	got, err := os.ReadFile(checkedIn)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run go run ./internal/ctables")
}

// program prints what a C compiler makes of the header.
const program = `#include <stdio.h>
#include "msc3079.h"
#include "msc3079.h" /* a second time does no harm */

int main(void) {
    unsigned n;
    printf("%d %d %d\n", MSC3079_OPTION_ACCESS_TOKEN, MSC3079_OPTION_VERSION, MSC3079_VERSION);
    for (n = 1; n <= MSC3079_KEYS; n++) printf("%u %s\n", n, msc3079_keys[n]);
    for (n = 0; n < MSC3079_PATHS; n++)
        printf("%c %d %s\n", msc3079_paths[n].first, msc3079_paths[n].parameters, msc3079_paths[n].path);
    printf("%d %s %s\n", MSC3079_KEY_M_FULLY_READ, MSC3079_PATH_ROOMS_SEND, MSC3079_PATH_USER_FILTER_FILTER_ID);
    return 0;
}
`

// TestHeaderInC: a C compiler reads from the header what the Go code goes by.
func TestHeaderInC(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	require.NoError(t, err, "gcc is missing: run apt-get install gcc")
	dir, err := filepath.Abs(filepath.Dir(checkedIn))
	require.NoError(t, err)
	var want strings.Builder
	fmt.Fprintln(&want, 256, 257, 1)
	for n, key := range cborcodec.KeysV1() {
		if n > 0 {
			fmt.Fprintln(&want, n, key)
		}
	}
	for _, r := range paths.V1().Rows() {
		fmt.Fprintln(&want, r.Enum, strings.Count(r.Template, "{"), r.Template)
	}
	fmt.Fprintln(&want, 92, 9, 6)
	for _, standard := range []string{"c99", "c11", "gnu17"} {
		source, out := filepath.Join(t.TempDir(), "tables.c"), filepath.Join(t.TempDir(), "tables")
		require.NoError(t, os.WriteFile(source, []byte(program), 0o600))
		said, err := exec.CommandContext(t.Context(), gcc, "-std="+standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
			"-I", dir, "-o", out, source).CombinedOutput()
		require.NoError(t, err, string(said))
		printed, err := exec.CommandContext(t.Context(), out).Output()
		require.NoError(t, err)
		assert.Equal(t, want.String(), string(printed))
	}
}

func TestNames(t *testing.T) {
	for word, want := range map[string]string{
		"event_id": "EVENT_ID", "m.fully_read": "M_FULLY_READ", "createRoom": "CREATE_ROOM", "txnId": "TXN_ID", "invite_3pid": "INVITE_3PID",
	} {
		assert.Equal(t, want, constant(word))
	}
	names, err := pathNames([]paths.Row{
		{Enum: "0", Template: "/_matrix/client/versions"},
		{Enum: "1", Template: "/_matrix/client/r0/devices/{deviceId}"},
		{Enum: "2", Template: "/_matrix/client/r0/devices"},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"VERSIONS", "DEVICES_DEVICE_ID", "DEVICES"}, names)
}

// TestSameNames: names that C could not tell apart are an error, not a header.
func TestSameNames(t *testing.T) {
	_, err := header([]string{"", "a.b", "a_b"}, nil)
	require.ErrorContains(t, err, "same name")
	_, err = pathNames([]paths.Row{{Enum: "0", Template: "/a/{x}/b"}, {Enum: "1", Template: "/{x}/a/b"}})
	require.ErrorContains(t, err, "same name")
}
