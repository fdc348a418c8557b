package demo

import (
	"context"
	"net"
	"sync"
)

// The TCP side of the comparison is a model: nothing in process sends segments.
const (
	segmentSize   = 1460 // bytes of data in a full segment of an Ethernet path
	segmentHeader = 40   // IPv4 and TCP without options
	synHeader     = 60   // the same with the options of a SYN
)

// meter counts what TLS connections would cost as IP packets.
type meter struct {
	mu    sync.Mutex
	total Cost
	// unacked counts segments down that no acknowledgement has been charged for.
	unacked int
}

func (m *meter) cost() Cost {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

func (m *meter) handshake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.Up += synHeader + segmentHeader
	m.total.Down += synHeader
	m.total.PacketsUp += 2
	m.total.PacketsDown++
}

// sent charges n bytes written in one piece. Data up acknowledges what came down,
// and the other way round; a pure acknowledgement up is charged for every second
// segment down.
func (m *meter) sent(n int, up bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	segments := (n + segmentSize - 1) / segmentSize
	bytes := n + segments*segmentHeader
	if up {
		m.total.Up += bytes
		m.total.PacketsUp += segments
		return
	}
	m.total.Down += bytes
	m.total.PacketsDown += segments
	m.unacked += segments
	acks := m.unacked / 2
	m.unacked %= 2
	m.total.Up += acks * segmentHeader
	m.total.PacketsUp += acks
}

// meteredConn is the client's end of a TCP connection.
type meteredConn struct {
	net.Conn
	meter *meter
}

// Write counts first: once the other end has the bytes, somebody may look.
func (c meteredConn) Write(p []byte) (int, error) {
	c.meter.sent(len(p), true)
	return c.Conn.Write(p)
}

// meteredServerConn is the server's end: it sees what the server writes as one
// piece.
type meteredServerConn struct {
	net.Conn
	meter *meter
}

// Write counts first, as that of meteredConn.
func (c meteredServerConn) Write(p []byte) (int, error) {
	c.meter.sent(len(p), false)
	return c.Conn.Write(p)
}

// meteredListener meters what it accepts.
type meteredListener struct {
	net.Listener
	meter *meter
}

func (l meteredListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return meteredServerConn{c, l.meter}, nil
}

func (m *meter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	m.handshake()
	return meteredConn{c, m}, nil
}
