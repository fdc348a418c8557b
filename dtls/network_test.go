package dtls

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// network is an in-memory datagram network with a fixed delay. Its sockets work
// in virtual time.
type network struct {
	delay time.Duration
	// filter, when set, sees each datagram and drops it by returning false.
	filter func(d sent) bool

	mu    sync.Mutex
	hosts map[string]*socket
	log   []sent
}

// sent is one datagram on the network.
type sent struct {
	from, to string
	data     []byte
}

func newNetwork(delay time.Duration) *network {
	return &network{delay: delay, hosts: map[string]*socket{}}
}

func addr(s string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

// socket opens the address.
func (n *network) socket(address string) *socket {
	s := &socket{n: n, address: address}
	s.ready.L = &s.mu
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[address] = s
	return s
}

func (n *network) send(d sent) {
	n.mu.Lock()
	n.log = append(n.log, d)
	dropped := n.filter != nil && !n.filter(d)
	n.mu.Unlock()
	if dropped {
		return
	}
	time.AfterFunc(n.delay, func() {
		n.mu.Lock()
		s := n.hosts[d.to]
		n.mu.Unlock()
		if s != nil {
			s.receive(d)
		}
	})
}

// sentLog returns what was sent so far and forgets it.
func (n *network) sentLog() []sent {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.log
	n.log = nil
	return l
}

func (n *network) setFilter(f func(sent) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.filter = f
}

type socket struct {
	n *network

	mu       sync.Mutex
	ready    sync.Cond
	address  string
	queue    []sent
	closed   bool
	deadline bool
	broken   error
	sendErr  error
}

// failSends makes every WriteTo return an error; nil ends that.
func (s *socket) failSends(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendErr = err
}

// fail makes every ReadFrom return an error from now on.
func (s *socket) fail(err error) {
	s.mu.Lock()
	s.broken = err
	s.mu.Unlock()
	s.ready.Broadcast()
}

// move gives the socket another address, as a NAT that forgot its mapping does.
func (s *socket) move(address string) {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.n.hosts, s.address)
	s.address = address
	s.n.hosts[address] = s
}

func (s *socket) receive(d sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.queue = append(s.queue, d)
		s.ready.Signal()
	}
}

func (s *socket) ReadFrom(p []byte) (int, net.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && !s.closed && !s.deadline && s.broken == nil {
		s.ready.Wait()
	}
	if s.closed {
		return 0, nil, net.ErrClosed
	}
	if s.broken != nil {
		return 0, nil, s.broken
	}
	if s.deadline {
		return 0, nil, os.ErrDeadlineExceeded
	}
	d := s.queue[0]
	s.queue = s.queue[1:]
	return copy(p, d.data), addr(d.from), nil
}

func (s *socket) WriteTo(p []byte, to net.Addr) (int, error) {
	s.mu.Lock()
	from, closed, sendErr := s.address, s.closed, s.sendErr
	s.mu.Unlock()
	if sendErr != nil {
		return 0, sendErr
	}
	if closed {
		return 0, net.ErrClosed
	}
	s.n.send(sent{from: from, to: to.String(), data: append([]byte(nil), p...)})
	return len(p), nil
}

func (s *socket) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.ready.Broadcast()
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	if s.n.hosts[s.address] == s {
		delete(s.n.hosts, s.address)
	}
	return nil
}

func (s *socket) LocalAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return addr(s.address)
}

func (s *socket) SetDeadline(t time.Time) error      { return s.SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(t time.Time) error { return nil }
func (s *socket) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	s.deadline = !t.IsZero()
	s.mu.Unlock()
	s.ready.Broadcast()
	return nil
}
