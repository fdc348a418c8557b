package dialect

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// update rewrites the digits of the examples after new tables: with them rows have other
// numbers, but the items are the same, so that each group of digits keeps its item.
var update = os.Getenv("UPDATE_GOLDEN") == "1"

// group is digits that belong together in a line.
var group = regexp.MustCompile(`[0-9a-f]+`)

// renumber returns the lines of an example with the bytes of the new payload.
func renumber(t *testing.T, lines string, old, payload []byte) string {
	t.Helper()
	from, to := marks(t, old), marks(t, payload)
	require.Len(t, to, len(from), "other items than before: write the example anew")
	// place maps an offset: to that of its item, or into its content.
	place := func(at int) int {
		for i := len(from) - 1; ; i-- {
			if from[i] <= at {
				return to[i] + at - from[i]
			}
		}
	}
	var b strings.Builder
	at := 0
	for line := range strings.Lines(lines) {
		shown, text, annotated := strings.Cut(line, "  ")
		bytes := digits.FindString(shown)
		b.WriteString(group.ReplaceAllStringFunc(bytes, func(g string) string {
			begin := place(at)
			at += len(g) / 2
			return hex.EncodeToString(payload[begin:place(at)])
		}))
		b.WriteString(shown[len(bytes):])
		if annotated {
			b.WriteString("  " + text)
		}
	}
	return b.String()
}

// marks are where the heads of all items are, the contents of their strings, and the end.
func marks(t *testing.T, payload []byte) (at []int) {
	in := items{src: payload}
	for in.rest() > 0 {
		at = append(at, in.pos)
		major, n, err := in.head()
		require.NoError(t, err)
		if major == majorBytes || major == majorText {
			at = append(at, in.pos)
			_, err = in.take(n)
			require.NoError(t, err)
		}
	}
	return append(at, in.pos)
}
