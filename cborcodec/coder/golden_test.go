package coder_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
)

const vectorsFile = "testdata/vectors.tsv"

// goldenPayloads are coded in testdata/vectors.tsv: prelude, payload.
func goldenPayloads() [][2]string {
	return [][2]string{
		{"", event},
		{"\x01", event},
		{"", "\xa1\x03\x78\x2c$dxHIbbnn0ErgLkOpBZBkXQFcSA9jLbYZtIlv5Jr3HsE"},
		{"\x45", "\x82\x18\x2a\xfb\x40\x09\x21\xfb\x54\x44\x2d\x18"},
		{"", "Boat is fine, wind dropped to 3. Nächste Meldung 18:00."},
		{"", noise(100)},
		{"", strings.Repeat("\xa1\x61a\x9f\x01\x02\x20\xff", 40)},
		{"", strings.Repeat("\x81", 40) + "\xff\xff\x1f"},
		{"", strings.Repeat(event, 60)},
		{"\x01\x00\x01\x02", "\xa1\x01\xd6\x58\x20" + noise(32)},
		{"\x00\x00\x00\x00\x00\x00", "\x03\xd7\x21\xf8\x3d\xd7\x20"},
		{"\x00\x00\x00\x00\x01\x01", "\x20\x01\xd7\xf6\xe1\xd6\xd1\x83\x00\x19\x03\x56\x01\xa2\x18\x1c\xeb\x18\x1b\x65hello"},
		{"\x00\x00\x00\x00\x00\x0d", "\x01\xd7\xf6\xe1\xd6\xd1\x82\x0d\x4f" + noise(15) + "\xa1\x18\x1b\x65hello"},
		{"\x02", "\xc1\x4c" + noise(12) + "\xa1\x0c\xa1\x0d\x80"},
	}
}

// Each architecture must code alike: this runs on several (make architectures). The
// deflate encoder may choose otherwise, so that its rows are decoded only.
func TestVectors(t *testing.T) {
	c := newCoder(t)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(vectorsFile, []byte(vectors(c)), 0o644))
	}
	b, err := os.ReadFile(vectorsFile)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	require.Equal(t, "model\t"+c.Model().ID().String(), lines[0])
	rows := lines[2:]
	require.Len(t, rows, len(goldenPayloads())*len(policies))
	for i, line := range rows {
		fields := strings.Split(line, "\t")
		require.Len(t, fields, 4)
		prelude, payload, coded := unhex(t, fields[1]), unhex(t, fields[2]), unhex(t, fields[3])
		got, err := c.AppendDecoded(nil, prelude, coded, len(payload))
		require.NoError(t, err, i)
		assert.Equal(t, payload, got, i)
		if fields[0] != coder.Deflate.String() {
			for method, policy := range policies {
				if method.String() == fields[0] {
					assert.Equal(t, coded, c.AppendCoded(nil, prelude, payload, policy), i)
				}
			}
		}
	}
}

func vectors(c *coder.Coder) string {
	var b strings.Builder
	fmt.Fprintf(&b, "model\t%s\nmethod\tprelude\tpayload\tcoded\n", c.Model().ID())
	for _, g := range goldenPayloads() {
		for method := range coder.Method(len(policies)) {
			coded := c.AppendCoded(nil, []byte(g[0]), []byte(g[1]), policies[method])
			fmt.Fprintf(&b, "%s\t%x\t%x\t%x\n", method, g[0], g[1], coded)
		}
	}
	return b.String()
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
