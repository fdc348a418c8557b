package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/keys"
)

func TestListenWebRefusesTheNetwork(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		_, err := ListenWeb(t.Context(), address, false)
		assert.ErrorIs(t, err, ErrNotLoopback, address)
		l, err := ListenWeb(t.Context(), address, true)
		require.NoError(t, err, address)
		l.Close()
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "127.8.9.1:0"} {
		l, err := ListenWeb(t.Context(), address, false)
		require.NoError(t, err, address)
		l.Close()
	}
	_, err := ListenWeb(t.Context(), "no port", false)
	assert.Error(t, err)
}

// TestRunWebFinishes stops the server while a request is under way.
func TestRunWebFinishes(t *testing.T) {
	l, err := ListenWeb(t.Context(), "127.0.0.1:0", false)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stop()
		io.WriteString(w, "done")
	})
	ended := make(chan error, 1)
	go func() { ended <- RunWeb(ctx, h, time.Minute, nil, l) }()
	assert.Equal(t, "done", readAll(t, get(t, "http://"+l.Addr().String())))
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, <-ended)
}

// TestRunWebCutsOff stops the server while a request waits for ever.
func TestRunWebCutsOff(t *testing.T) {
	l, err := ListenWeb(t.Context(), "127.0.0.1:0", false)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
	})
	ended := make(chan error, 1)
	go func() { ended <- RunWeb(ctx, h, time.Millisecond, nil, l) }()
	_, err = http.Get("http://" + l.Addr().String())
	assert.Error(t, err)
	require.NoError(t, <-ended)
}

// TestRunWebWaitsForHandlers stops the server while a handler takes its time to
// notice: what it uses must not be taken away before.
func TestRunWebWaitsForHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		ctx, stop := context.WithCancel(t.Context())
		left := false
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			stop()
			<-r.Context().Done()
			time.Sleep(time.Second)
			left = true
		})
		go io.WriteString(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		l := &pipeListener{conns: make(chan net.Conn, 1)}
		l.conns <- server
		require.NoError(t, RunWeb(ctx, h, time.Millisecond, nil, l))
		assert.True(t, left)
	})
}

// pipeListener accepts what it was given.
type pipeListener struct{ conns chan net.Conn }

func (l *pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *pipeListener) Close() error   { close(l.conns); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

type brokenListener struct{ net.Listener }

var errBroken = errors.New("broken")

func (brokenListener) Accept() (net.Conn, error) { return nil, errBroken }

func TestRunWebReportsFailure(t *testing.T) {
	good, err := ListenWeb(t.Context(), "127.0.0.1:0", false)
	require.NoError(t, err)
	bad, err := ListenWeb(t.Context(), "127.0.0.1:0", false)
	require.NoError(t, err)
	err = RunWeb(t.Context(), http.NotFoundHandler(), time.Minute, nil, good, brokenListener{bad})
	assert.ErrorIs(t, err, errBroken)
}

func TestListenWebTLS(t *testing.T) {
	ca, err := keys.NewCA("household", time.Now())
	require.NoError(t, err)
	pair, err := ca.IssueServer([]string{"127.0.0.1"}, time.Now())
	require.NoError(t, err)
	shown, cert := pair.TLS(), &WebCertificate{}
	cert.current.Store(&shown)
	l, err := ListenWebTLS(t.Context(), "127.0.0.1:0", cert)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- RunWeb(ctx, NewConnect(ConnectOptions{}), time.Minute, nil, l) }()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.CertificatePEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "https://"+l.Addr().String(), nil)
	require.NoError(t, err)
	res, err := transport.RoundTrip(r)
	require.NoError(t, err)
	res.Body.Close()
	assertCORS(t, res.Header)
	assert.Equal(t, 2, res.ProtoMajor, "many requests share a connection, however long a sync waits")
	transport.CloseIdleConnections()
	stop()
	require.NoError(t, <-ended)
}
