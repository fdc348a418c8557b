package dtls

import (
	"bytes"
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	serverAddress = "192.0.2.1:5684"
	clientAddress = "198.51.100.7:40000"
	identity      = "k3x9Qm2T"
)

func testKey() []byte { return bytes.Repeat([]byte{7}, MinKey) }

func keysOf(m map[string][]byte) func(string) ([]byte, bool) {
	return func(id string) ([]byte, bool) { k, ok := m[id]; return k, ok }
}

func serverConfig() Config {
	return Config{Profile: link.Default(), Keys: keysOf(map[string][]byte{identity: testKey()})}
}

func clientConfig() Config {
	return Config{Profile: link.Default(), Identity: identity, Key: testKey()}
}

// world is a server on a network.
type world struct {
	t        *testing.T
	net      *network
	listener *Listener
	clients  []*Conn
}

// in runs f with a server in virtual time. When f returns, the server is closed,
// and the bubble fails the test if a goroutine is left.
func in(t *testing.T, delay time.Duration, cfg Config, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(delay)
		l, err := Listen(n.socket(serverAddress), cfg)
		require.NoError(t, err)
		w := &world{t: t, net: n, listener: l}
		defer func() {
			for _, c := range w.clients {
				assert.NoError(t, c.Close())
			}
			l := w.listener // a test may have put another in the place of the first
			assert.NoError(t, l.Close())
			synctest.Wait()
			assert.Empty(t, l.sessions)
			assert.Empty(t, l.halfOpen)
			assert.Empty(t, l.byCID)
			assert.Empty(t, l.bySite)
		}()
		f(t, w)
	})
}

func (w *world) dial(from string, cfg Config) (*Conn, error) {
	return Dial(context.Background(), w.net.socket(from), addr(serverAddress), cfg)
}

// connect returns both ends of a new session.
func (w *world) connect(from string, cfg Config) (client, server *Conn) {
	w.t.Helper()
	client, err := w.dial(from, cfg)
	require.NoError(w.t, err)
	w.clients = append(w.clients, client)
	return client, w.accept()
}

func (w *world) accept() *Conn {
	w.t.Helper()
	c, err := w.listener.Accept()
	require.NoError(w.t, err)
	return c.(*Conn)
}

// carries asserts that a datagram gets from one end to the other.
func carries(t *testing.T, from, to *Conn, text string) {
	t.Helper()
	_, err := from.Write([]byte(text))
	require.NoError(t, err)
	buf := make([]byte, 2048)
	require.NoError(t, to.SetReadDeadline(time.Now().Add(5*time.Minute)))
	n, err := to.Read(buf)
	require.NoError(t, err)
	require.NoError(t, to.SetReadDeadline(time.Time{}))
	assert.Equal(t, text, string(buf[:n]))
}

func TestEcho(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		carries(t, client, server, "question")
		carries(t, server, client, "answer")

		assert.Equal(t, identity, server.PeerIdentity())
		assert.Equal(t, Info{Suite: ECDHEPSKWithChaCha20, Identity: identity, ConnectionID: true, Peer: addr(clientAddress)}, server.Info())
		assert.Equal(t, Info{Suite: ECDHEPSKWithChaCha20, Identity: identity, ConnectionID: true, Peer: addr(serverAddress)}, client.Info())

		require.NoError(t, client.Close())
		_, err := server.Read(make([]byte, 10))
		assert.Error(t, err, "close_notify ends the other side")
		require.NoError(t, server.Close())
		_, err = client.Write([]byte("late"))
		assert.ErrorIs(t, err, net.ErrClosed)
	})
}
