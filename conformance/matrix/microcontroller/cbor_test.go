package microcontroller

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// driver is a program around cbor.h. It reads items, each behind its length in two bytes, and
// prints for each what it finds under keys 6, 27, -1 and -300: a text, a number, or nothing.
// With an argument it writes an item instead.
const driver = `#include "cbor.h"

#include <stdio.h>
#include <stdlib.h>

static void show(struct cbor text, const char *end)
{
    printf(" \"");
    for (; text.at < text.end; text.at++) putchar(*text.at < ' ' ? '?' : *text.at);
    printf("\"%s", end);
}

static void find(struct cbor item, int key)
{
    struct cbor text;
    uint64_t n;
    char place[8];
    if (cbor_get_text(item, key, &text))
        show(text, cbor_copy_text(item, key, place, sizeof place) ? "" : "...");
    else if (cbor_get_uint(item, key, &n))
        printf(" %llu", (unsigned long long)n);
    else
        printf(" -");
}

static int write_item(size_t room)
{
    uint8_t *place = malloc(room);
    struct cbor_out out = {place, place + room, 0};
    static const uint64_t numbers[] = {0, 23, 24, 255, 256, 65535, 65536, 4294967295, 4294967296, 18446744073709551615u};
    size_t i;
    cbor_put_map(&out, sizeof numbers / sizeof numbers[0] + 2);
    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        cbor_put_uint(&out, i + 1);
        cbor_put_uint(&out, numbers[i]);
    }
    cbor_put_uint(&out, 27);
    cbor_put_text(&out, "a text that is longer than 23 bytes");
    cbor_put_text(&out, "");
    cbor_put_text(&out, "\xc2\xb0");
    if (!out.full) fwrite(place, 1, (size_t)(out.at - place), stdout);
    free(place);
    return out.full;
}

int main(int argc, char **argv)
{
    unsigned char length[2];
    if (argc > 1) return write_item((size_t)atoi(argv[1]));
    while (fread(length, 1, 2, stdin) == 2) {
        size_t n = (size_t)length[0] << 8 | length[1];
        uint8_t *data = malloc(n); /* of that size, so that reading beyond it is seen */
        struct cbor item = {data, data + n};
        if (fread(data, 1, n, stdin) != n) return 1;
        find(item, 6), find(item, 27), find(item, -1), find(item, -300);
        printf("%s\n", cbor_skip(&item) ? item.at == item.end ? " whole" : " more" : " broken");
        free(data);
    }
    return 0;
}
`

// buildDriver compiles the driver so that it ends when it reads what is not its own.
func buildDriver(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source, out := filepath.Join(dir, "driver.c"), filepath.Join(dir, "driver")
	require.NoError(t, os.WriteFile(source, []byte(driver), 0o600))
	said, err := exec.CommandContext(t.Context(), find(t, "gcc", "gcc"), "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g",
		"-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-I", sources, "-o", out, source).CombinedOutput()
	require.NoError(t, err, string(said))
	return out
}

// read runs the driver over items and returns a line for each.
func read(t *testing.T, driver string, items [][]byte) []string {
	t.Helper()
	var in, out, complaint bytes.Buffer
	for _, item := range items {
		in.Write(binary.BigEndian.AppendUint16(nil, uint16(len(item))))
		in.Write(item)
	}
	cmd := exec.CommandContext(t.Context(), driver)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &complaint
	require.NoError(t, cmd.Run(), "%s", complaint.String())
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Equal(t, len(items), len(lines))
	return lines
}

// TestDecoder: cbor.h finds what there is, and nothing in what is broken.
func TestDecoder(t *testing.T) {
	driver := buildDriver(t)
	items, want := [][]byte{}, []string{}
	for _, tc := range []struct{ item, found string }{
		{"a3 20 1a 5b7a19e4 06 63 626f62 18 1b 62 6f6e", ` "bob" "on" 1534728676 - whole`},
		{"a1 20 00", " - - 0 - whole"},
		{"a1 39 012b 18 63", " - - - 99 whole"},
		{"a2 61 36 61 61 06 61 62", ` "b" - - - whole`},                                  // "6" is not 6
		{"a1 06 20", " - - - - whole"},                                                   // -1 is neither
		{"a1 06 69 616263646566676869", ` "abcdefghi"... - - - whole`},                   // longer than where it is copied to
		{"a2 03 a1 06 61 61 06 61 62", ` "b" - - - whole`},                               // not the one inside
		{"a3 04 82 01 f6 05 fb 3ff199999999999a 06 60", ` "" - - - whole`},               // over an array and a float
		{"a2 04 c1 d8 20 61 61 06 61 62", ` "b" - - - whole`},                            // over tags
		{"a1 06 61 62 00", ` "b" - - - more`},                                            //
		{"a2 06 61 62 07", ` "b" - - - broken`},                                          // found before it breaks
		{"a1 06 62 62", " - - - - broken"},                                               // text ends too early
		{"a1 06 7b ffffffffffffffff", " - - - - broken"},                                 // longer than anything
		{"bb ffffffffffffffff 06 61 62", ` "b" - - - broken`},                            // more members than anything
		{"a1 05 9b ffffffffffffffff", " - - - - broken"},                                 //
		{"a1 06 7f 61 62 ff", " - - - - broken"},                                         // of indefinite length
		{"bf 06 61 62 ff", " - - - - broken"},                                            //
		{"a1 06 1c", " - - - - broken"},                                                  // reserved (RFC 8949 §3)
		{"a1 06", " - - - - broken"}, {"a1", " - - - - broken"}, {"", " - - - - broken"}, //
		{"81 06", " - - - - whole"}, {"06", " - - - - whole"}, {"66 616263646566", " - - - - whole"}, // no map
		{strings.Repeat("81", 5000) + "00", " - - - - whole"}, // depth takes no stack
		{strings.Repeat("c1", 5000), " - - - - broken"},
	} {
		item, err := hex.DecodeString(strings.ReplaceAll(tc.item, " ", ""))
		require.NoError(t, err)
		items, want = append(items, item), append(want, tc.found)
	}
	assert.Equal(t, want, read(t, driver, items))
}

// TestDecoderSurvives: whatever comes, nothing is read that is not there, and what cborcodec
// takes for whole is whole here.
func TestDecoderSurvives(t *testing.T) {
	driver := buildDriver(t)
	seed := []byte{}
	v1 := cborcodec.V1(cborcodec.Limits{})
	seed, err := v1.AppendCBOR(seed, []byte(`{"sender":"@a:h","content":{"body":"x","n":[1,-1,1.5,null,true]},"body":"hello","age":70000,"k":{"l":[[{}]]}}`))
	require.NoError(t, err)
	items := [][]byte{}
	for n := range seed {
		items = append(items, seed[:n])
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		item := bytes.Clone(seed)
		for range 1 + r.IntN(4) {
			item[r.IntN(len(item))] = byte(r.Uint32())
		}
		items = append(items, item)
	}
	whole := 0
	for n, line := range read(t, driver, items) {
		if _, err := v1.AppendJSON(nil, items[n]); err == nil && !slices.ContainsFunc(items[n], indefinite) {
			assert.True(t, strings.HasSuffix(line, " whole"), "%x: %s", items[n], line)
			whole++
		}
	}
	assert.Greater(t, whole, 1000, "few of them are whole: the seed is of no use")
}

// indefinite reports whether a byte may be the head of an item of indefinite length.
func indefinite(b byte) bool { return b == 0x5f || b == 0x7f || b == 0x9f || b == 0xbf }

// TestEncoder: what cbor.h writes is read by cborcodec, and where it does not fit, it says so.
func TestEncoder(t *testing.T) {
	driver := buildDriver(t)
	item, err := exec.CommandContext(t.Context(), driver, "200").Output()
	require.NoError(t, err)
	text, err := cborcodec.V1(cborcodec.Limits{}).AppendJSON(nil, item)
	require.NoError(t, err)
	assert.JSONEq(t, `{"event_id":0,"type":23,"content":24,"state_key":255,"room_id":256,"sender":65535,"user_id":65536,
		"origin_server_ts":4294967295,"unsigned":4294967296,"prev_content":18446744073709551615,
		"body":"a text that is longer than 23 bytes","":"°"}`, string(text))
	for room := range item {
		_, err := exec.CommandContext(t.Context(), driver, fmt.Sprint(room)).Output()
		var ended *exec.ExitError
		require.ErrorAs(t, err, &ended, "room for %d of %d bytes", room, len(item))
		require.Equal(t, 1, ended.ExitCode(), "%s", ended.Stderr)
	}
}
