package inspect_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/conformance/pipe"
	"github.com/coapgw/coapgw/internal/inspect"
	"github.com/coapgw/coapgw/internal/linkemu"
)

var model = sync.OnceValues(coder.Shipped)

func format(t testing.TB) *wire2.Format {
	t.Helper()
	m, err := model()
	require.NoError(t, err)
	return wire2.NewFormat(m, 2)
}

// near and far are the addresses of both ends.
var (
	near = &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000}
	far  = &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 5683}
)

// captured writes what two ends say to each other as a capture.
func captured(t *testing.T, w io.Writer) pipe.Tap {
	t.Helper()
	c, err := linkemu.NewCapture(w)
	require.NoError(t, err)
	return func(from string, d []byte) {
		a, b := near, far
		if from == pipe.Server {
			a, b = far, near
		}
		assert.NoError(t, c.Record(time.Unix(1_800_000_000, 0), a, b, d))
	}
}

// capture returns what two coapgw say to each other while f makes requests.
func capture(t *testing.T, h http.Handler, f func(http.RoundTripper)) []byte {
	t.Helper()
	var out bytes.Buffer
	l := pipe.Listen(captured(t, &out))
	v := &coap.Version2{Format: format(t), Home: func() string { return "example.org" }}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- (&coap.Server{Handler: h, Version2: v}).Serve(ctx, l) }()
	transport := &coap.Transport{Version2: v, Dial: l.Dial}
	f(transport)
	require.NoError(t, transport.Close())
	stop()
	require.NoError(t, <-served)
	return out.Bytes()
}

// sessionOf is a session of a client whose tables fill.
func sessionOf(t *testing.T) []byte {
	t.Helper()
	const event = "$MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(r.URL.Path, "/login"):
			_, _ = io.WriteString(w, `{"access_token":"syt_YWxpY2U_oh1WuVai9eeGh1oh_1Ab2cd","user_id":"@alice:example.org"}`)
		case strings.HasSuffix(r.URL.Path, "/sync"):
			since := r.URL.Query().Get("since")
			next := map[string]string{"": "s10_2_3", "s10_2_3": "s11_2_3", "s11_2_3": "s11_2_4"}[since]
			body := strings.Repeat(" and many more", 200)
			if since != "" {
				body = "hello"
			}
			_, _ = io.WriteString(w, `{"next_batch":"`+next+`","rooms":{"join":{"!PlPiL6wQs5xqqYGa:example.org":{"timeline":{"events":[{"type":"m.room.message","sender":"@bob:example.org","content":{"msgtype":"m.text","body":"`+body+`"},"event_id":"`+event+`","origin_server_ts":1795328724550}]}}}}}`)
		case strings.Contains(r.URL.Path, "/send/"):
			_, _ = io.WriteString(w, `{"event_id":"`+event+`"}`)
		default:
			_, _ = io.WriteString(w, `{}`)
		}
	})
	return capture(t, handler, func(rt http.RoundTripper) {
		for _, line := range []string{
			"GET /_matrix/client/versions",
			`POST /_matrix/client/v3/login {"type":"m.login.password","password":"correct horse","identifier":{"type":"m.id.user","user":"alice"}}`,
			"GET /_matrix/client/v3/sync?timeout=0",
			"GET /_matrix/client/v3/sync?timeout=30000&since=s10_2_3",
			`PUT /_matrix/client/v3/rooms/!PlPiL6wQs5xqqYGa:example.org/send/m.room.message/m1795328724548.1 {"msgtype":"m.text","body":"hello world"}`,
			"GET /_matrix/client/v3/sync?timeout=30000&since=s11_2_3",
			"POST /_matrix/client/v3/rooms/!PlPiL6wQs5xqqYGa:example.org/receipt/m.read/" + event + " {}",
			"GET /_matrix/media/v3/config?access_token=mat_0123456789abcdef",
		} {
			method, rest, _ := strings.Cut(line, " ")
			target, data, _ := strings.Cut(rest, " ")
			var body io.Reader
			if data != "" {
				body = strings.NewReader(data)
			}
			r, err := http.NewRequest(method, "http://gateway"+target, body)
			require.NoError(t, err)
			if data != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			r.Header.Set("Authorization", "Bearer syt_YWxpY2U_secretsecretsecret_123456")
			resp, err := rt.RoundTrip(r)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, resp.StatusCode)
		}
	})
}

// The session is followed to its end: every reference is resolved, and no secret is shown.
func TestCaptureOfSession(t *testing.T) {
	var out strings.Builder
	require.NoError(t, inspect.Capture(&out, bytes.NewReader(sessionOf(t)), format(t), "", inspect.Style{Full: true}))
	if os.Getenv("SHOW") != "" {
		t.Log(out.String())
	}
	for _, want := range []string{
		"option 272 Offer", "example.org",
		"route: PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}",
		"{roomId}: !PlPiL6wQs5xqqYGa:example.org (the last room)",
		"query: timeout=30000&since=s11_2_3 (sticky, #",
		"password: (", "access_token: (",
		"body: \"hello world\"",
	} {
		assert.Contains(t, out.String(), want)
	}
	for _, not := range []string{"not known here", "not seen", "not a payload", "secretsecret", "correct horse", "oh1WuVai", "0123456789abcdef", "malformed"} {
		assert.NotContains(t, out.String(), not)
	}
}
