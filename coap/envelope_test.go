package coap

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// envelopes are well-formed ones, with what stands behind them.
func envelopes(t testing.TB) map[string][]string {
	r := make(map[string][]string)
	for _, items := range [][]string{
		{""},
		{"/_matrix/client/v3/sync?filter=" + strings.Repeat("x", 5000)},
		{"", "Content-Disposition", `attachment; filename*=utf-8''` + strings.Repeat("%C3%BC", 60)},
		{"", "Content-Disposition", "attachment; filename=\"\xfc\xe9\""}, // Latin-1, no UTF-8
		{"/", "Etag", "a\r\nb"},
	} {
		head, err := appendEnvelope(items)
		require.NoError(t, err)
		r[string(head)] = items
	}
	return r
}

func TestEnvelopeBothWays(t *testing.T) {
	for head, items := range envelopes(t) {
		for _, body := range []string{"", "x", strings.Repeat("body", 50_000)} {
			for _, size := range []int64{int64(len(head) + len(body)), -1} {
				got, rest, restSize, err := openEnvelope(strings.NewReader(head+body), size)
				require.NoError(t, err)
				assert.Equal(t, items, got)
				data, err := io.ReadAll(rest)
				require.NoError(t, err)
				require.Equal(t, body, string(data))
				if size >= 0 {
					assert.EqualValues(t, len(body), restSize)
				} else {
					assert.EqualValues(t, -1, restSize)
				}
			}
		}
	}
}

func TestOpenEnvelopeHostile(t *testing.T) {
	many := append([]byte{0x98, maxEnvelopeItems + 1}, bytes.Repeat([]byte{0x60}, maxEnvelopeItems+1)...)
	large := append([]byte{0x81, 0x7a, 0, 1, 0, 0}, bytes.Repeat([]byte{'x'}, maxEnvelope)...)
	for name, data := range map[string][]byte{
		"nothing":               {},
		"no CBOR":               {0xff},
		"a map":                 {0xa0},
		"an integer":            {0x01},
		"an array of integers":  {0x81, 0x01},
		"null":                  {0xf6},
		"cut short":             {0x82, 0x61, 'a'},
		"claims 4 GB of text":   {0x81, 0x7a, 0xff, 0xff, 0xff, 0xff},
		"claims 2^32 items":     {0x9a, 0xff, 0xff, 0xff, 0xff},
		"claims 2^64 items":     {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"nested":                bytes.Repeat([]byte{0x81}, 10_000),
		"no end":                append([]byte{0x9f}, bytes.Repeat([]byte{0x60}, 70_000)...),
		"too many items":        many,
		"too large":             large,
		"text that is not UTF8": {0x81, 0x61, 0xff},
	} {
		_, _, _, err := openEnvelope(bytes.NewReader(data), int64(len(data)))
		assert.Error(t, err, name)
	}
	_, _, _, err := openEnvelope(nil, 0)
	assert.Error(t, err)
}

// TestEnvelopeTooLarge: what the other end would refuse is not sent.
func TestEnvelopeTooLarge(t *testing.T) {
	_, err := appendEnvelope([]string{strings.Repeat("x", maxEnvelope)})
	require.Error(t, err)
	_, err = appendEnvelope(make([]string, maxEnvelopeItems+1))
	require.Error(t, err)
}

// TestEnvelopeClosesTheBody: the body behind an envelope is closed through it.
func TestEnvelopeClosesTheBody(t *testing.T) {
	head, err := appendEnvelope([]string{"/"})
	require.NoError(t, err)
	under := &closable{Reader: bytes.NewReader(head)}
	_, rest, _, err := openEnvelope(under, -1)
	require.NoError(t, err)
	require.NoError(t, closeBody(rest))
	assert.True(t, under.closed)
}

type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Close() error { c.closed = true; return nil }

func TestEnvelopeFields(t *testing.T) {
	got := envelopeFields([]string{
		"etag", "1", "X-Forwarded-For", "10.0.0.1", "Location", "a\r\nSet-Cookie: x", "Retry-After", "", "odd",
	})
	assert.Equal(t, []field{{"Etag", "1"}, {"Retry-After", ""}}, got)
}

func FuzzOpenEnvelope(f *testing.F) {
	for head := range envelopes(f) {
		f.Add([]byte(head + "body"))
	}
	f.Add([]byte{0x9f, 0x60, 0xff})
	f.Add([]byte{0x82, 0x60, 0x41, 0xff})
	f.Add([]byte{0x81, 0x7f, 0x61, 'a', 0x61, 'b', 0xff, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		items, rest, size, err := openEnvelope(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(items), maxEnvelopeItems)
		body, err := io.ReadAll(rest)
		require.NoError(t, err)
		require.EqualValues(t, len(body), size)
		require.True(t, bytes.HasSuffix(data, body))
		head, err := appendEnvelope(items)
		require.NoError(t, err, "what was read can be written")
		again, _, _, err := openEnvelope(bytes.NewReader(head), int64(len(head)))
		require.NoError(t, err)
		require.Equal(t, items, again)
	})
}
