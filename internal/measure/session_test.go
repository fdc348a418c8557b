package measure_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
	"github.com/coapgw/coapgw/internal/measure"
)

// capture is the client's connection; it counts what measure counts, in what
// really goes over it.
type capture struct {
	net.Conn
	mu sync.Mutex
	// on is set once the session is warm.
	on bool
	// first remembers tokens whose first request or response was counted: blocks
	// repeat options.
	first map[string]bool
	bytes int
}

func (c *capture) count(direction string, datagram []byte) {
	m, err := endpoint.ParseMessage(append([]byte(nil), datagram...))
	if err != nil || m.Code == endpoint.Empty {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on {
		return
	}
	c.bytes += len(m.Payload)
	if m.Code == endpoint.Continue {
		return // carries nothing of the exchange
	}
	if name := direction + string(m.Token); !c.first[name] {
		c.first[name] = true
		c.bytes += measure.OptionBytes(m.Options)
	}
}

func (c *capture) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on, c.first = true, make(map[string]bool)
}

func (c *capture) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil {
		c.count("down", p[:n])
	}
	return n, err
}

func (c *capture) Write(p []byte) (int, error) {
	c.count("up", p)
	return c.Conn.Write(p)
}

// TestTotalsEqualSession holds measure to the bytes of a real session: it counts
// nothing that does not travel, and forgets nothing.
func TestTotalsEqualSession(t *testing.T) {
	const name = "d0.jsonl"
	file, err := os.ReadFile(filepath.Join("../../testdata/corpus/sessions", name))
	require.NoError(t, err)
	meter := newMeter(t)
	require.NoError(t, meter.JSONLines(strings.NewReader(string(file))))

	synctest.Test(t, func(t *testing.T) {
		var current measure.Entry
		homeserver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", current.ResponseType)
			w.WriteHeader(current.Status)
			_, _ = w.Write(current.Response)
		})
		l := linkemu.New(linkemu.Config{Up: linkemu.Direction{Delay: time.Millisecond}, Down: linkemu.Direction{Delay: time.Millisecond}})
		defer l.Close()
		psk := keys.NewPSK()
		listener, err := dtls.Listen(l.Listen(), dtls.Config{Profile: link.Default(), Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(context.Background())
		served := make(chan error)
		go func() { served <- (&coap.Server{Handler: homeserver}).Serve(ctx, listener) }()
		var conn *capture
		transport := &coap.Transport{Dial: func(ctx context.Context) (net.Conn, error) {
			c, err := dtls.Dial(ctx, l.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}), linkemu.FarAddr(),
				dtls.Config{Profile: link.Default(), Identity: psk.Identity, Key: psk.Key})
			conn = &capture{Conn: c}
			return conn, err
		}}
		send := func(e measure.Entry) {
			current = e
			r, err := http.NewRequest(e.Method, "http://link"+e.Target, strings.NewReader(string(e.Request)))
			require.NoError(t, err)
			if len(e.Request) > 0 {
				r.Header.Set("Content-Type", e.RequestType)
			} else {
				r.Body = http.NoBody
			}
			resp, err := transport.RoundTrip(r)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
		send(measure.Entry{Method: "GET", Target: "/_matrix/client/versions", Status: 200})
		conn.begin()
		require.NoError(t, measure.EachLine(strings.NewReader(string(file)), func(e measure.Entry) error {
			conn.begin() // tokens are used again
			send(e)
			return nil
		}))
		assert.Equal(t, meter.Report().Total.V1, conn.bytes)
		require.NoError(t, transport.Close())
		stop()
		require.NoError(t, <-served)
	})
}
