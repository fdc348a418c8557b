package dialect

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

const document = "../../docs/wire-v2-dialect.md"

var (
	// example is an indented request or body and its annotated bytes.
	example = regexp.MustCompile("(?m)((?:^    .*\n)+)\n```hex\n((?:.*\n)*?)```")
	// digits are the bytes of a line; two spaces or a word end them.
	digits = regexp.MustCompile(`^(?:[0-9a-f]{2}\b ?|[0-9a-f]{4,} ?)*`)
	// identityInText is where the document tells that of the tables.
	identityInText = regexp.MustCompile("the identity `[0-9a-f]+`")
	method         = regexp.MustCompile(`^[A-Z]+ /`)
)

// TestExamples holds the examples of the specification to what the code does.
func TestExamples(t *testing.T) {
	b, err := os.ReadFile(document)
	require.NoError(t, err)
	codec := New(testHome, cborcodec.Limits{})
	examples := example.FindAllStringSubmatch(string(b), -1)
	require.Len(t, examples, 11)
	for _, e := range examples {
		text := strings.Split(strings.TrimSpace(e[1]), "\n    ")
		want := hexOf(e[2])
		var payload []byte
		if method.MatchString(text[0]) {
			r := Request{}
			r.Method, r.Target, _ = strings.Cut(text[0], " ")
			if len(text) > 1 {
				r.Body = []byte(text[1])
			}
			payload, err = codec.AppendRequest(nil, &r, nil)
			require.NoError(t, err)
			var got Request
			require.NoError(t, codec.DecodeRequest(&got, payload, nil))
			assert.Equal(t, r, got)
		} else {
			payload, err = codec.AppendBody(nil, []byte(text[0]), nil)
			require.NoError(t, err)
			back, err := codec.AppendJSON(nil, payload, nil)
			require.NoError(t, err)
			assert.Equal(t, text[0], string(back))
		}
		if update {
			old, err := hex.DecodeString(want)
			require.NoError(t, err)
			text := strings.Replace(e[0], e[2], renumber(t, e[2], old, payload), 1)
			b = []byte(strings.Replace(string(b), e[0], text, 1))
			continue
		}
		assert.Equal(t, want, hex.EncodeToString(payload), text[0])
	}
	if update {
		b = identityInText.ReplaceAll(b, []byte("the identity `"+frozen+"`"))
		require.NoError(t, os.WriteFile(document, b, 0o644))
	}
	assert.Contains(t, string(b), "the identity `"+frozen+"`")
}

// hexOf collects the digits of annotated lines.
func hexOf(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		line, _, _ = strings.Cut(line, "  ")
		b.WriteString(strings.ReplaceAll(digits.FindString(line), " ", ""))
	}
	return b.String()
}
