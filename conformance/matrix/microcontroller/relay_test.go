package microcontroller

import (
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// relay stands between one client and serve, and can lose what the client sends.
type relay struct {
	conn *net.UDPConn // towards the client

	mu     sync.Mutex
	client *net.UDPAddr // the newest address of the client
	to     net.Conn     // serve
	// lose reports whether a datagram of the client is lost; nil loses nothing.
	lose func(datagram []byte) bool
	gone int // datagrams that were lost

	readers sync.WaitGroup
}

// startRelay runs a relay in front of serve until the test ends.
func startRelay(t *testing.T, serve string) *relay {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	r := &relay{conn: conn}
	r.turn(t, serve)
	r.readers.Go(r.upwards)
	t.Cleanup(func() {
		_ = r.conn.Close()
		r.mu.Lock()
		_ = r.to.Close()
		r.mu.Unlock()
		r.readers.Wait()
	})
	return r
}

// turn leads to another serve from now on.
func (r *relay) turn(t *testing.T, serve string) {
	t.Helper()
	to, err := net.Dial("udp", serve)
	require.NoError(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.to != nil {
		_ = r.to.Close()
	}
	r.to = to
	r.readers.Go(func() { r.downwards(to) })
}

func (r *relay) addr() string { return r.conn.LocalAddr().String() }

// losing sets what is lost.
func (r *relay) losing(lose func(datagram []byte) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lose = lose
}

// lost is how many datagrams were lost.
func (r *relay) lost() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

const maxDatagram = 1 << 16

func (r *relay) upwards() {
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := r.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.client = from
		lost, to := r.lose != nil && r.lose(buffer[:n]), r.to
		if lost {
			r.gone++
		}
		r.mu.Unlock()
		if !lost {
			_, _ = to.Write(buffer[:n]) // it may be gone
		}
	}
}

func (r *relay) downwards(from net.Conn) {
	buffer := make([]byte, maxDatagram)
	for {
		n, err := from.Read(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // ICMP says that nobody is there
		}
		r.mu.Lock()
		client := r.client
		r.mu.Unlock()
		_, _ = r.conn.WriteToUDP(buffer[:n], client)
	}
}
