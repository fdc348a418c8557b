package page

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
	"github.com/coapgw/coapgw/internal/metrics"
	"github.com/coapgw/coapgw/internal/plainudp"
	"github.com/coapgw/coapgw/internal/status"
)

// TestRealTransfer: a file on its way over a pair and an emulated link, in real time, is
// seen at both ends, goes on before one's eyes, and is gone when it has come.
func TestRealTransfer(t *testing.T) {
	const size = 3_000_000
	p, ok := link.ByName("geo-vsat")
	require.True(t, ok)
	air := linkemu.New(linkemu.FromProfile(p, 1))
	defer air.Close()
	seen := make(chan struct{})
	server := &coap.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/jpeg")
		w.Header().Set("Content-Length", "3000000")
		_, _ = w.Write(make([]byte, size/2))
		select { // it is not over before a browser has looked, be that as slow as it may
		case <-seen:
		case <-r.Context().Done():
		}
		_, _ = w.Write(make([]byte, size/2))
	})}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(t, server.Serve(ctx, plainudp.Listen(air.Listen(), 0))) })
	defer running.Wait()
	defer stop()
	transport := &coap.Transport{Profile: p, Dial: func(context.Context) (net.Conn, error) {
		return &connected{air.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40_000}), linkemu.FarAddr()}, nil
	}}
	defer transport.Close()
	exporter := metrics.New(metrics.Options{Role: "connect", Status: transport.Status})
	near := httptest.NewServer(status.New(status.Options{Role: status.Connect, Link: p, Status: transport.Status, Metrics: exporter}))
	defer near.Close()
	far := httptest.NewServer(status.New(status.Options{Role: status.Serve, Status: server.Status}))
	defer far.Close()

	atNear, atFar := browser(t), browser(t)
	require.NoError(t, chromedp.Do(atNear, chromedp.Navigate(near.URL), chromedp.WaitVisible(visible)))
	assert.Equal(t, "Not connected", eval[string](t, atNear, `document.querySelector("#state h2").textContent`))
	require.NoError(t, chromedp.Do(atFar, chromedp.Navigate(far.URL), chromedp.WaitVisible(visible)))

	fetched := make(chan error)
	go func() {
		fetched <- func() error {
			r, err := http.NewRequestWithContext(ctx, "GET", "http://link/_matrix/client/v1/media/download/hs/id", nil)
			if err != nil {
				return err
			}
			resp, err := transport.RoundTrip(r)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.CopyN(io.Discard, resp.Body, size)
			return err
		}()
	}()
	// The reader sees how far it is, and later that it is further.
	for _, at := range []context.Context{atNear, atFar} {
		await(t, at, `document.querySelector("#transfers progress")?.value > 0`)
		text := eval[string](t, at, `document.getElementById("transfers").innerText`)
		assert.Contains(t, text, "Loading a file")
		assert.Contains(t, text, "of 3.0 MB")
	}
	close(seen)
	select {
	case err := <-fetched:
		require.NoError(t, err)
	case <-time.After(patience):
		require.FailNow(t, "the file does not come")
	}
	await(t, atNear, `!document.querySelector("#transfers progress")`)
	assert.Contains(t, eval[string](t, atNear, `document.querySelector("#today").innerText`), "3.")

	resp, err := http.Get(near.URL + "/metrics")
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Contains(t, string(text), `coapgw_bytes_total{direction="down",layer="http"} 3e+06`)
}

// connected is a socket with one peer.
type connected struct {
	*linkemu.Conn
	peer net.Addr
}

func (c *connected) Read(p []byte) (int, error) {
	n, _, err := c.ReadFrom(p)
	return n, err
}
func (c *connected) Write(p []byte) (int, error) { return c.WriteTo(p, c.peer) }
func (c *connected) RemoteAddr() net.Addr        { return c.peer }
