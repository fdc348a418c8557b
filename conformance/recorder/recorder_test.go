package recorder

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Through a faithful gateway, here net/http's own reverse proxy, both sides see
// the same.
func TestBothSidesOfAFaithfulGateway(t *testing.T) {
	script := InOrder(
		JSON(http.StatusOK, `{"event_id":"$1"}`),
		Response{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3"}}},
		Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {"image/png"}}, Body: []byte("\x89PNG\x00")},
	)
	homeserver := New(Scripted(script))
	base := serve(t, gateway(t, homeserver))
	tap := NewTap(transport(t))

	requests := []Request{
		{
			Method: http.MethodPut, URI: "/_matrix/client/v3/rooms/%21r:x/state/t/a%2Fb%23%25?ts=1&x=%20+;",
			Header: http.Header{"Authorization": {"Bearer t"}, "Content-Type": {"application/json"}},
			Body:   []byte(`{"big":9007199254740993}`),
		},
		{Method: http.MethodGet, URI: "/_matrix/client/v3/rooms/a//state/t/"},
		{Method: http.MethodGet, URI: "/?"},
		{Method: http.MethodDelete, URI: "/gone"},
	}
	for _, req := range requests {
		_, err := Do(t.Context(), tap, base, req)
		require.NoError(t, err)
	}
	clientSide := tap.Take()
	require.Empty(t, tap.Exchanges())
	pairs, err := Match(clientSide, homeserver.Exchanges())
	require.NoError(t, err)
	require.Len(t, pairs, len(requests))
	for i, pair := range pairs {
		require.Empty(t, CompareRequests(requests[i], pair.Client.Request))
		require.Empty(t, CompareRequests(pair.Client.Request, pair.Server.Request))
		require.Empty(t, CompareResponses(pair.Server.Response, pair.Client.Response))
	}
	require.Equal(t, http.StatusTooManyRequests, pairs[1].Client.Response.Status)
	require.Equal(t, "\x89PNG\x00", string(pairs[2].Client.Response.Body))
	require.Equal(t, http.StatusInternalServerError, pairs[3].Client.Response.Status, "the script has ended")
}

// What the script does not say does not appear on the wire.
func TestScriptedAddsNothing(t *testing.T) {
	base := serve(t, New(Scripted(InOrder(Response{Body: []byte("<html>")}))))
	resp, err := Do(t.Context(), transport(t), base, Request{Method: http.MethodGet, URI: "/"})
	require.NoError(t, err)
	require.Empty(t, CompareResponses(Response{Body: []byte("<html>")}, resp))
}

// A gateway that decodes the path loses what the escapes meant; the suite must
// notice that.
func TestUnfaithfulGatewayIsNoticed(t *testing.T) {
	homeserver := New(Scripted(InOrder(Response{})))
	base := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawPath, r.RequestURI = "", ""
		homeserver.ServeHTTP(w, r)
	}))
	tap := NewTap(transport(t))
	_, err := Do(t.Context(), tap, base, Request{Method: http.MethodGet, URI: "/a%2Fb"})
	require.NoError(t, err)
	_, err = Match(tap.Exchanges(), homeserver.Exchanges())
	require.ErrorContains(t, err, "only the client side saw GET /a%2Fb")
	require.ErrorContains(t, err, "only the server side saw GET /a/b (1 times)")
}

func TestMatchTellsUsersApart(t *testing.T) {
	exchange := func(token, body string) Exchange {
		return Exchange{
			Request:  Request{Method: "GET", URI: "/sync", Header: http.Header{"Authorization": {"Bearer " + token}}},
			Response: JSON(200, body),
		}
	}
	client := []Exchange{exchange("a", `1`), exchange("b", `2`), exchange("a", `3`)}
	server := []Exchange{exchange("b", `2`), exchange("a", `1`), exchange("a", `3`)}
	pairs, err := Match(client, server)
	require.NoError(t, err)
	for _, pair := range pairs {
		require.Equal(t, pair.Server, pair.Client)
	}
	_, err = Match(append(client, exchange("c", `4`)), server)
	require.Error(t, err)
}

func TestDoRefusesWhatItCannotSend(t *testing.T) {
	for _, uri := range []string{"/a#b", "/a b", "/%zz", `/a"b`, ""} {
		_, err := Do(t.Context(), http.DefaultTransport, "http://127.0.0.1:1", Request{Method: http.MethodGet, URI: uri})
		require.ErrorIs(t, err, ErrURI, "%q", uri)
	}
}

func TestRecorderNotesATruncatedRequest(t *testing.T) {
	rec := New(Scripted(func(context.Context, Request) Response {
		t.Error("a request without its whole body must not be answered")
		return Response{}
	}))
	broken := errors.New("link lost")
	r := httptest.NewRequest(http.MethodPost, "/x", io.MultiReader(strings.NewReader("half"), failing{broken}))
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { rec.ServeHTTP(httptest.NewRecorder(), r) })
	require.ErrorIs(t, rec.Exchanges()[0].Err, broken)
	require.Equal(t, "half", string(rec.Exchanges()[0].Request.Body))
}

func TestTapNotesFailures(t *testing.T) {
	broken := errors.New("link lost")
	tap := NewTap(roundTripper(func(r *http.Request) (*http.Response, error) { return nil, broken }))
	_, err := Do(t.Context(), tap, "http://h", Request{Method: http.MethodGet, URI: "/x"})
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, tap.Take()[0].Err, broken)

	tap = NewTap(roundTripper(func(r *http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader("half"), failing{broken})
		return &http.Response{StatusCode: 200, Body: io.NopCloser(body)}, nil
	}))
	_, err = Do(t.Context(), tap, "http://h", Request{Method: http.MethodGet, URI: "/x"})
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, tap.Exchanges()[0].Err, broken)
	require.Equal(t, "half", string(tap.Exchanges()[0].Response.Body))
}

// Both journals are filled by many requests at a time; run with -race.
func TestConcurrentExchanges(t *testing.T) {
	const clients, each = 8, 25
	homeserver := New(Scripted(func(_ context.Context, req Request) Response {
		return JSON(http.StatusOK, `{"you":"`+req.Header.Get("Authorization")+`"}`)
	}))
	base := serve(t, gateway(t, homeserver))
	tap := NewTap(transport(t))
	var wg sync.WaitGroup
	for i := range clients {
		token := string(rune('a' + i))
		wg.Go(func() {
			for range each {
				resp, err := Do(t.Context(), tap, base, Request{
					Method: http.MethodGet, URI: "/whoami", Header: http.Header{"Authorization": {token}},
				})
				if err != nil || string(resp.Body) != `{"you":"`+token+`"}` {
					t.Errorf("client %s got %q, %v", token, resp.Body, err)
				}
			}
		})
	}
	wg.Wait()
	pairs, err := Match(tap.Exchanges(), homeserver.Exchanges())
	require.NoError(t, err)
	require.Len(t, pairs, clients*each)
}

// gateway is a reverse proxy to the homeserver.
func gateway(t *testing.T, homeserver http.Handler) http.Handler {
	t.Helper()
	target, err := url.Parse(serve(t, homeserver))
	require.NoError(t, err)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			// ReverseProxy drops query parameters that net/url cannot parse.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
		},
		Transport: transport(t),
	}
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func transport(t *testing.T) *http.Transport {
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
