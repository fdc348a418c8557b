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

// wire is one end of a datagram connection in memory that is captured.
type wire struct {
	from, to net.Addr
	in, out  chan []byte
	done     chan struct{}
	once     sync.Once
	capture  *linkemu.Capture
}

func (w *wire) Read(p []byte) (int, error) {
	select {
	case d := <-w.in:
		return copy(p, d), nil
	case <-w.done:
		return 0, net.ErrClosed
	}
}

func (w *wire) Write(p []byte) (int, error) {
	if err := w.capture.Record(time.Unix(1_800_000_000, 0), w.from, w.to, p); err != nil {
		return 0, err
	}
	select {
	case w.out <- bytes.Clone(p):
		return len(p), nil
	case <-w.done:
		return 0, net.ErrClosed
	}
}

func (w *wire) Close() error                     { w.once.Do(func() { close(w.done) }); return nil }
func (w *wire) LocalAddr() net.Addr              { return w.from }
func (w *wire) RemoteAddr() net.Addr             { return w.to }
func (w *wire) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (w *wire) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (w *wire) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// listener accepts one connection.
type listener struct {
	conn chan net.Conn
	done chan struct{}
	once sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *listener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *listener) Addr() net.Addr { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 5683} }

// capture returns what two coapgw say to each other while f makes requests.
func capture(t *testing.T, h http.Handler, f func(http.RoundTripper)) []byte {
	t.Helper()
	var out bytes.Buffer
	c, err := linkemu.NewCapture(&out)
	require.NoError(t, err)
	a, b := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000}, &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 5683}
	up, down := make(chan []byte, 1024), make(chan []byte, 1024)
	l := &listener{conn: make(chan net.Conn, 1), done: make(chan struct{})}
	client := &wire{from: a, to: b, in: down, out: up, done: make(chan struct{}), capture: c}
	server := &wire{from: b, to: a, in: up, out: down, done: make(chan struct{}), capture: c}
	v := &coap.Version2{Format: format(t), Home: func() string { return "example.org" }}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- (&coap.Server{Handler: h, Version2: v}).Serve(ctx, l) }()
	transport := &coap.Transport{Version2: v, Dial: func(context.Context) (net.Conn, error) {
		l.conn <- server
		return client, nil
	}}
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
