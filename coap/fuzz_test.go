package coap

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// FuzzServerRequest hands arbitrary messages to a session of Server: nothing
// panics, and what reaches the http.Handler can be sent on as an HTTP request.
func FuzzServerRequest(f *testing.F) {
	m := NewMapping(MappingConfig{})
	slow, err := link.Parse("base=hf-vara500,rate-up=150,rate-down=150,ack-timeout=90s")
	require.NoError(f, err)
	for _, r := range []struct{ method, target, contentType, body string }{
		{"GET", "/_matrix/client/v3/sync?since=s1&timeout=0", "", ""},
		{"PUT", "/_matrix/client/v3/rooms/%21r%3Aa/send/m.room.message/1", "application/json", `{"body":"x"}`},
		{"GET", "/x?" + strings.Repeat("y", 400), "", ""},
		{"DELETE", "/a%2Fb/", "text/plain", "text"},
	} {
		req := newRequest(f, r.method, r.target, r.body)
		if r.contentType != "" {
			req.Header.Set("Content-Type", r.contentType)
		}
		for _, kind := range []PeerKind{PeerGateway, PeerForeign} {
			out, err := m.EncodeRequest(req, kind)
			if err != nil {
				continue
			}
			msg := &endpoint.Message{Code: out.Code, Options: out.Options}
			if out.Body != nil {
				msg.Payload, err = io.ReadAll(out.Body)
				require.NoError(f, err)
			}
			if kind == PeerGateway {
				msg.Options = msg.Options.Add(OptionGateway, clientHello(slow)).AddString(OptionAccessToken, "secret")
			}
			data, err := endpoint.AppendMessage(nil, msg)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		msg, err := endpoint.ParseMessage(data)
		if err != nil || !msg.Code.IsRequest() {
			return
		}
		run := &serving{log: slog.New(slog.DiscardHandler), link: newServerLink(link.Default(), m), bounds: link.DefaultBounds(), conversions: newConversions(), Server: &Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requireWellFormed(t, r)
				body, err := io.ReadAll(r.Body)
				if err == nil && r.ContentLength >= 0 {
					require.EqualValues(t, len(body), r.ContentLength)
				}
				w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
				_, _ = w.Write(body)
			}),
		}}
		run.life, run.end = context.WithCancel(context.Background())
		defer run.end()
		near, far := net.Pipe()
		defer far.Close()
		conn := endpoint.New(near, endpoint.Config{Profile: link.Default()})
		defer conn.Wait()
		defer conn.Close()
		s := newServerSession(run, Peer{}, near)
		for range 2 { // the second meets what the first left behind
			req := &endpoint.Request{
				Conn: conn, Code: msg.Code, Options: msg.Options.Remove(endpoint.Observe),
				Body: bytes.NewReader(msg.Payload), Size: int64(len(msg.Payload)),
			}
			resp := s.Admit(req)(context.Background())
			require.NotNil(t, resp)
			require.True(t, resp.Code.IsResponse(), resp.Code)
			if resp.Body != nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = closeBody(resp.Body)
			}
			run.running.Wait()
		}
	})
}

// requireWellFormed requires of a request what an HTTP/1.1 request line and header
// must be (RFC 9112 §3, §5).
func requireWellFormed(t *testing.T, r *http.Request) {
	t.Helper()
	clean := func(s string, space bool) bool {
		return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f || !space && (c == ' ' || c == '\t') })
	}
	require.True(t, validMethod(r.Method), "%q", r.Method)
	require.True(t, strings.HasPrefix(r.URL.EscapedPath(), "/"), "%q", r.URL.EscapedPath())
	require.True(t, clean(r.RequestURI, false), "%q", r.RequestURI)
	require.True(t, clean(r.URL.RequestURI(), false), "%q", r.URL.RequestURI())
	_, err := url.ParseRequestURI(r.RequestURI)
	require.NoError(t, err)
	require.Empty(t, r.URL.Host)
	for name, values := range r.Header {
		require.Equal(t, http.CanonicalHeaderKey(name), name)
		for _, v := range values {
			require.True(t, clean(v, true), "%s: %q", name, v)
		}
	}
}
