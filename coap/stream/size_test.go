package stream

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// coapHead is a notification without its payload: header, a token of one byte, Observe of
// one byte, payload marker. coap's TestStreamExample has the bytes.
const coapHead = 4 + 1 + 2 + 1

// The rows of "What fits a frame" in docs/wire-v1.md add up, and what is said to fit does.
func TestWhatFitsAFrame(t *testing.T) {
	text, err := os.ReadFile("../../docs/wire-v1.md")
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "**What fits a frame.**")
	require.True(t, ok)

	frames := regexp.MustCompile(`(?m)^\| ([^|]+) \| (\d+) \| (\d+) \| ([0-9 +]+) \| (\d+) \| (\d+) \| (\d+) \|$`).FindAllStringSubmatch(section, -1)
	require.Len(t, frames, 5)
	for _, row := range frames {
		sum := 0
		for _, column := range row[3:7] {
			for n := range strings.SplitSeq(column, "+") {
				size, err := strconv.Atoi(strings.TrimSpace(n))
				require.NoError(t, err)
				sum += size
			}
		}
		assert.Equal(t, row[2], fmt.Sprint(sum+decimal(t, row[7])), row[1])
		assert.Equal(t, fmt.Sprint(coapHead), row[6], row[1])
	}

	const bob, alice = "@bob:h", "@alice:h"
	body := func(n int) string { return `{"body":"` + strings.Repeat("x", n) + `"}` }
	full := uint32(1<<32 - 1)
	tell := func(sender, content string, queries ...string) []byte {
		a := ask(t, queries...)
		e, ok := readEvent([]byte(message(sender, content)))
		require.True(t, ok)
		return a.payload(&e, "h", full)
	}
	gap := ask(t)
	fits := map[string][]byte{
		`mark, "bob", "on"`:               tell(bob, `{"body":"on"}`),
		`mark, "alice", text of 30 bytes`: tell(alice, body(30)),
		"\"alice\", \"hi\" (`k=0`)":       tell(alice, `{"body":"hi"}`, "k=0", "m=13"),
		"text of 9 bytes (`k=0`, `f=27`)": tell(alice, body(9), "k=0", "f=27", "m=13"),
		"mark, \"bob\", event ID (`l=i`)": tell(bob, body(200), "l=i"),
		"mark, gap of 200, event ID":      gap.gap(200, longID, full),
	}
	rows := regexp.MustCompile(`(?m)^\| (.+) \| (\d+) \| [^|]+ \|$`).FindAllStringSubmatch(section, -1)
	found := 0
	for _, row := range rows {
		payload, ok := fits[row[1]]
		if !ok {
			continue
		}
		found++
		assert.Equal(t, row[2], fmt.Sprint(len(payload)), row[1])
		assert.NotContains(t, diagnose(t, payload), "-3:", row[1])
	}
	assert.Equal(t, len(fits), found)
}

func decimal(t *testing.T, text string) int {
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
