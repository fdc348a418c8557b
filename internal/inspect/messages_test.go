package inspect_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
	"github.com/coapgw/coapgw/internal/inspect"
)

// carried are exchanges that the document shows with all that is in their datagrams.
var carried = []struct{ method, target, body, token, answer string }{
	{"GET", "/_matrix/client/versions", "", "", `{"versions":["v1.10","v1.11"]}`},
	{"GET", "/_matrix/client/v3/account/whoami", "", "syt_YWxpY2U_oh1WuVai9eeGh1oh", `{"user_id":"@alice:example.org"}`},
	{
		"PUT", "/_matrix/client/v3/rooms/!PlPiL6wQs5xqqYGa:example.org/typing/@alice:example.org",
		`{"typing":true,"timeout":30000}`, "syt_YWxpY2U_oh1WuVai9eeGh1oh", `{}`,
	},
}

// TestDocumentMessages holds the messages in the specification to what a Transport and a
// Server say to each other. UPDATE_GOLDEN=1 writes them.
func TestDocumentMessages(t *testing.T) {
	golden.Of("../../docs/wire-v2.md", "whole messages").Hold(t, wholeMessages(t), golden.Update())
}

func wholeMessages(t *testing.T) string {
	at := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, carried[at].answer)
	})
	messages := messagesOf(capture(t, handler, func(rt http.RoundTripper) {
		for n, x := range carried {
			at = n
			var body io.Reader
			if x.body != "" {
				body = strings.NewReader(x.body)
			}
			r, err := http.NewRequest(x.method, "http://gateway"+x.target, body)
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json")
			if x.token != "" {
				r.Header.Set("Authorization", "Bearer "+x.token)
			}
			resp, err := rt.RoundTrip(r)
			require.NoError(t, err)
			got, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, x.answer, string(got))
		}
	}))
	require.Len(t, messages, 2*len(carried), "each response is in the acknowledgement")
	var b strings.Builder
	c := inspect.NewConversation(format(t), "")
	for n, x := range carried {
		fmt.Fprintf(&b, "\n```\n%s %s\n", x.method, x.target)
		if x.body != "" {
			b.WriteString(x.body + "\n")
		}
		show(t, &b, c, messages[2*n])
		fmt.Fprintf(&b, "\n200 %s\n", x.answer)
		show(t, &b, c, messages[2*n+1])
		b.WriteString("```\n")
	}
	return b.String() + "\n"
}

// show writes a message, whole and field by field.
func show(t *testing.T, b *strings.Builder, c *inspect.Conversation, message []byte) {
	t.Helper()
	var r inspect.Report
	c.Datagram(&r, message)
	require.Equal(t, len(message), r.Total())
	fmt.Fprintf(b, "\nmessage: %x\n", message)
	require.NoError(t, r.Write(b, inspect.Style{Full: true}))
}

// messagesOf returns the messages of a capture, with message IDs that are the same each
// time: coapgw begins at random (RFC 7252 §4.4).
func messagesOf(capture []byte) (messages [][]byte) {
	const fileHeader, packetHeader, headers = 24, 16, 28
	ids := map[uint16]uint16{}
	for rest := capture[fileHeader:]; len(rest) > 0; {
		size := int(binary.LittleEndian.Uint32(rest[8:]))
		m := rest[packetHeader+headers : packetHeader+size]
		id := binary.BigEndian.Uint16(m[2:])
		if _, ok := ids[id]; !ok {
			ids[id] = uint16(len(ids) + 1)
		}
		binary.BigEndian.PutUint16(m[2:], ids[id])
		messages = append(messages, m)
		rest = rest[packetHeader+size:]
	}
	return messages
}
