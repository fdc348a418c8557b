package integrity

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

const clientAddress = "198.51.100.7:40000"

func boat() Station { return Station{Call: "OE1XYZ-7", Key: bytes.Repeat([]byte{7}, MinKey)} }

func serverConfig() Config {
	return Config{Stations: []Station{{Call: "DL0ABC", Key: bytes.Repeat([]byte{1}, MinKey)}, boat()}}
}

func clientConfig() Config {
	return Config{Profile: link.Default(), Station: boat(), SessionName: "home"}
}

// disk is a Store whose process can die: what is committed afterwards is lost.
type disk struct {
	mu     sync.Mutex
	values map[string][]byte
	dead   bool
}

func (d *disk) Load(key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.values[key], nil
}

func (d *disk) Keys(string) ([]string, error) { return nil, errors.New("not used") }

func (d *disk) Commit(changes map[string][]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errCrash
	}
	if d.values == nil {
		d.values = map[string][]byte{}
	}
	for k, v := range changes {
		if v == nil {
			delete(d.values, k)
		} else {
			d.values[k] = v
		}
	}
	return nil
}

// crash makes the disk deaf and returns what the next process finds.
func (d *disk) crash() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	return &disk{values: maps.Clone(d.values)}
}

var errCrash = errors.New("killed")

// world is a server on an emulated link.
type world struct {
	t        *testing.T
	link     *linkemu.Link
	server   Config
	listener *Listener

	// far is the server's socket.
	far *filtered
	// drop, when set, decides which datagrams the client's sockets do not send.
	drop func(b []byte) bool

	mu  sync.Mutex
	air []linkemu.Packet
}

// in runs f with a server in virtual time. When f returns all is closed, and the bubble
// fails the test if a goroutine is left.
func in(t *testing.T, server Config, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		delay := linkemu.Direction{Delay: 50 * time.Millisecond}
		w := &world{t: t, server: server, link: linkemu.New(linkemu.Config{Up: delay, Down: delay})}
		defer w.link.Close()
		w.link.Tap(func(p linkemu.Packet) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.air = append(w.air, p)
		})
		w.listen()
		defer func() { assert.NoError(t, w.listener.Close()) }()
		f(t, w)
	})
}

func (w *world) listen() {
	w.t.Helper()
	w.far = &filtered{PacketConn: w.link.Listen()}
	l, err := Listen(w.far, w.server)
	require.NoError(w.t, err)
	w.listener = l
}

// restart starts a new server. After a crash the old one has stored and said nothing.
func (w *world) restart(crash bool) {
	w.t.Helper()
	if d, ok := w.server.Store.(*disk); ok && crash {
		w.server.Store = d.crash()
	}
	w.far.lose(func([]byte) bool { return true })
	err := w.listener.Close()
	if !crash {
		require.NoError(w.t, err)
	}
	w.listen()
}

// flights returns the sizes of what was sent since the last call, downwards negative.
func (w *world) flights() (sizes []int) {
	for _, p := range w.takeAir() {
		if p.Up {
			sizes = append(sizes, len(p.Payload))
		} else {
			sizes = append(sizes, -len(p.Payload))
		}
	}
	return sizes
}

func (w *world) takeAir() []linkemu.Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	air := w.air
	w.air = nil
	return air
}

// filtered is a socket that loses some of what is sent.
type filtered struct {
	net.PacketConn
	mu   sync.Mutex
	drop func(b []byte) bool
}

func (f *filtered) lose(drop func(b []byte) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop = drop
}

func (f *filtered) WriteTo(b []byte, to net.Addr) (int, error) {
	f.mu.Lock()
	drop := f.drop != nil && f.drop(b)
	f.mu.Unlock()
	if drop {
		return len(b), nil
	}
	return f.PacketConn.WriteTo(b, to)
}

func address(s string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func (w *world) socket(from string) net.PacketConn {
	return &filtered{PacketConn: w.link.Dial(address(from)), drop: w.drop}
}

func (w *world) dial(from string, cfg Config) (*Conn, error) {
	return Dial(context.Background(), w.socket(from), linkemu.FarAddr(), cfg)
}

// connect returns both ends of a new session, over which one datagram has gone.
func (w *world) connect(cfg Config) (client, server *Conn) {
	w.t.Helper()
	client, err := w.dial(clientAddress, cfg)
	require.NoError(w.t, err)
	return client, w.say(client, "hello")
}

func (w *world) resume(from string, cfg Config) *Conn {
	w.t.Helper()
	c, err := Resume(w.socket(from), linkemu.FarAddr(), cfg)
	require.NoError(w.t, err)
	return c
}

// say sends a datagram to the server and returns the session on which it came.
func (w *world) say(c *Conn, text string) *Conn {
	w.t.Helper()
	_, err := c.Write([]byte(text))
	require.NoError(w.t, err)
	s, err := w.listener.Accept()
	require.NoError(w.t, err)
	require.Equal(w.t, text, hear(w.t, s.(*Conn)))
	return s.(*Conn)
}

// replay sends bytes to the server from an address.
func (w *world) replay(from string, b []byte) {
	w.t.Helper()
	s := w.link.Dial(address(from))
	defer s.Close()
	_, err := s.WriteTo(b, linkemu.FarAddr())
	require.NoError(w.t, err)
	time.Sleep(time.Second)
	synctest.Wait()
}

func hear(t *testing.T, c *Conn) string {
	t.Helper()
	buf := make([]byte, 2048)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	n, err := c.Read(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

// carries asserts that a datagram gets from one end to the other.
func carries(t *testing.T, from, to *Conn, text string) {
	t.Helper()
	_, err := from.Write([]byte(text))
	require.NoError(t, err)
	assert.Equal(t, text, hear(t, to))
}

// silent asserts that nothing waits to be read.
func silent(t *testing.T, c *Conn) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)))
	_, err := c.Read(make([]byte, 100))
	require.Error(t, err)
}
