package clib

import (
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/pairing"
)

// exchange sends a body to a path of the homeserver, and returns what the program prints:
// status, format and type, or the error, and the body of the answer.
func (w *world) exchange(program, path, body string, args ...string) (head, answer string) {
	w.t.Helper()
	p := start(w.t, w.env(), append([]string{program, "PUT", path}, args...)...)
	_, err := io.WriteString(p.in, body)
	require.NoError(w.t, err)
	require.NoError(w.t, p.in.Close())
	p.succeeds()
	return strings.TrimSpace(p.errs.String()), p.out.String()
}

func unhex(t *testing.T, text string) string {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return string(b)
}

// The numbers of the header's formats.
const (
	formatJSON = "0"
	formatCBOR = "1"
	formatKeys = "2"
	formatRaw  = "3"
)

func TestFormats(t *testing.T) {
	const echo = "/_matrix/client/v3/echo"
	w := newWorld(t)
	program := library(t).compile(t, source("echo"), shared)
	// {"type": "m.text", "n": 1.0}, once with keys as text and once with 2 for "type"
	// (MSC3079, appendix A) where there is a number.
	text := unhex(t, "a2"+"6474797065"+"666d2e74657874"+"616e"+"01")
	numbered := unhex(t, "a2"+"02"+"666d2e74657874"+"616e"+"01")
	for _, tt := range []struct {
		name, body, format, contentType string
		head, answer                    string
	}{
		{"JSON", `{"type":"m.text","n":1.0}`, formatJSON, "", "200 0 application/json", `{"type":"m.text","n":1.0}`},
		{"an empty object", `{}`, formatJSON, "", "200 0 application/json", `{}`},
		{"CBOR", text, formatCBOR, "", "200 1 application/json", text},
		{"CBOR with keys that are numbers is read as well", numbered, formatCBOR, "", "200 1 application/json", text},
		{"CBOR with numbers for keys", numbered, formatKeys, "", "200 2 application/json", numbered},
		{"bytes", "\x00\x01\xff", formatRaw, "image/x-test", "200 3 image/x-test", "\x00\x01\xff"},
		{"JSON as bytes", `{"a" :1}`, formatRaw, "application/json", "200 0 application/json", `{"a":1}`},
		{"text is no JSON", "hello", formatRaw, "text/plain", "200 3 text/plain", "hello"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			head, answer := w.exchange(program, echo, tt.body, tt.format, tt.contentType)
			assert.Equal(t, tt.head, head)
			assert.Equal(t, tt.answer, answer)
		})
	}
	t.Run("an answer with an error", func(t *testing.T) {
		head, answer := w.exchange(program, "/_matrix/client/v3/rooms/x/state/y", `{}`, formatJSON)
		assert.Equal(t, "401 0 application/json", head)
		assert.Contains(t, answer, "M_MISSING_TOKEN")
	})
	t.Run("an answer that is too long", func(t *testing.T) {
		long := strings.Repeat("x", 1000)
		head, answer := w.exchange(program, echo, long, formatRaw, "text/plain", "1000")
		assert.Equal(t, "200 3 text/plain", head)
		assert.Equal(t, long, answer)
		head, _ = w.exchange(program, echo, long+"x", formatRaw, "text/plain", "1000")
		assert.Contains(t, head, "error 9 ")
	})
}

// A gateway that does not know the key is another matter than a link that fails.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	known, err := pairing.Parse(w.line)
	require.NoError(t, err)
	known.PSK.Identity = "stranger"
	line, err := known.Secret()
	require.NoError(t, err)
	p := start(t, []string{"PAIRING=" + line}, library(t).compile(t, source("refused"), shared))
	p.succeeds()
	assert.Contains(t, p.String(), "error 8: the handshake with the gateway was refused: pair again\n")
	assert.Contains(t, p.String(), `log: msg="no session with the peer" err=`)
}
