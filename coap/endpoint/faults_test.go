package endpoint

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// roaming is a connection whose peer changes its address with every datagram.
type roaming struct {
	*datagrams
	port int
}

func (r *roaming) RemoteAddr() net.Addr {
	r.port++
	return &net.UDPAddr{IP: net.IPv6loopback, Port: r.port}
}

// TestAddressChangeKeepsState: go-coap keys state by remote address, loses it when
// that changes, and keeps what it lost for ever.
func TestAddressChangeKeepsState(t *testing.T) {
	var conns []*Conn
	cfg := blocks(64, HandlerFunc(takeBody))
	wrap := func(d *datagrams) net.Conn { return &roaming{datagrams: d} }
	together(t, cfg, cfg, wrap, func(t *testing.T, client, server *Conn) {
		conns = append(conns, client, server)
		require.NotEqual(t, server.RemoteAddr(), server.RemoteAddr())
		resp, err := client.Do(t.Context(), put("x", 1000))
		require.NoError(t, err)
		require.Equal(t, Changed, resp.Code)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for _, c := range conns {
			c.mu.Lock()
			require.Empty(t, c.uploads)
			require.Empty(t, c.downloads)
			require.Empty(t, c.exchanges)
			require.Empty(t, c.outstanding)
			require.Empty(t, c.claims)
			require.Empty(t, c.seen.marks)
			require.Zero(t, c.serving+c.fetching+c.seen.bytes)
			c.mu.Unlock()
		}
	})
}

// TestNothingIsPrinted: go-coap prints errors to standard output unless told not
// to.
func TestNothingIsPrinted(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	h := HandlerFunc(func(context.Context, *Request) *Response {
		return &Response{Code: Content, Body: failingReader{io.ErrClosedPipe}, Size: -1}
	})
	climb(t, Config{Profile: testProfile(), Handler: h}, func(l *ladder) {
		l.raw([]byte("not CoAP"))
		l.raw(bytes.Repeat([]byte{0xff}, 2000))
		l.run(`
			> CON GET #0001 t=01 /x
			< ACK 5.00 #0001 t=01
		`)
	})
	require.NoError(t, w.Close())
	printed, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Empty(t, printed)
}
