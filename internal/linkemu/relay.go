package linkemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// defaultMaxClients is what MaxClients means when it is 0.
const defaultMaxClients = 64

// readPause follows a read that failed, so that a broken socket costs nothing. A
// single error is the news that a datagram found no receiver.
const readPause = 10 * time.Millisecond

// Relay puts a link between real sockets: clients send to one socket, and each is
// seen by the target from a socket of its own. On a link in real time it lets any
// UDP software meet the link.
type Relay struct {
	// Link is crossed in both directions. The relay uses its far side; the caller
	// closes it after Serve.
	Link *Link
	// Dial opens a connected datagram socket to the target.
	Dial func(context.Context) (net.Conn, error)
	// MaxClients bounds the client addresses served at a time; a further one takes
	// the place of the one silent for longest. 0 means 64.
	MaxClients int
	// Capture gets what comes out of the link, at the time when it does; nil
	// records nothing. An error of it ends Serve.
	Capture *Capture

	mu      sync.Mutex
	clients map[string]*relayed
	far     *Conn
	pc      net.PacketConn
	running sync.WaitGroup
	failed  error
	stop    context.CancelFunc
}

// relayed is a client of the relay.
type relayed struct {
	addr  net.Addr
	near  *Conn    // its socket at the constrained side
	out   net.Conn // its socket towards the target
	heard time.Time
}

// Serve relays what clients send to pc, which it takes over, until ctx ends; then
// it returns nil. It may be called once.
func (r *Relay) Serve(ctx context.Context, pc net.PacketConn) error {
	ctx, cancel := context.WithCancel(ctx)
	r.mu.Lock()
	r.clients, r.pc, r.far, r.stop = make(map[string]*relayed), pc, r.Link.Listen(), cancel
	r.mu.Unlock()
	r.running.Go(func() { r.fromClients(ctx) })
	r.running.Go(r.fromLink)
	<-ctx.Done()

	r.mu.Lock()
	pc.Close()
	r.far.Close()
	for key := range r.clients {
		r.drop(key)
	}
	r.mu.Unlock()
	r.running.Wait()
	return r.failed
}

// Clients is how many clients are served.
func (r *Relay) Clients() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.clients)
}

// Rebind gives each client a new socket towards the target, as a NAT does that
// forgot its mappings: what is sent to the old one is lost.
func (r *Relay) Rebind(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		out, err := r.Dial(ctx)
		if err != nil {
			return err
		}
		c.out.Close()
		c.out = out
		r.running.Go(func() { r.fromTarget(c.addr, out) })
	}
	return nil
}

// fail ends Serve with an error.
func (r *Relay) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = err
	}
	r.stop()
}

// fromClients puts what clients send on the link.
func (r *Relay) fromClients(ctx context.Context) {
	err := eachDatagram(r.pc.ReadFrom, func(b []byte, from net.Addr) error {
		c, err := r.client(ctx, from)
		if err == nil && c != nil {
			_, _ = c.near.WriteTo(b, FarAddr()) // fails only when the client gave way
		}
		return err
	})
	if err != nil {
		r.fail(err)
	}
}

// client returns the client of an address, a new one if need be, nil at the end.
func (r *Relay) client(ctx context.Context, addr net.Addr) (*relayed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := addr.String()
	if c := r.clients[key]; c != nil {
		c.heard = time.Now()
		return c, nil
	}
	if ctx.Err() != nil {
		return nil, nil
	}
	limit := r.MaxClients
	if limit <= 0 {
		limit = defaultMaxClients
	}
	if len(r.clients) >= limit {
		r.drop(r.silent())
	}
	out, err := r.Dial(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = nil
		}
		return nil, err
	}
	c := &relayed{addr: addr, near: r.Link.Dial(addr), out: out, heard: time.Now()}
	r.clients[key] = c
	r.running.Go(func() { r.toClient(c) })
	r.running.Go(func() { r.fromTarget(addr, out) })
	return c, nil
}

// silent is the client that has been silent for longest. r.mu is held.
func (r *Relay) silent() (key string) {
	for k, c := range r.clients {
		if key == "" || c.heard.Before(r.clients[key].heard) {
			key = k
		}
	}
	return key
}

// drop ends a client. r.mu is held.
func (r *Relay) drop(key string) {
	c := r.clients[key]
	delete(r.clients, key)
	c.near.Close()
	c.out.Close()
}

// fromLink sends to the target what arrives at the far side.
func (r *Relay) fromLink() {
	err := eachDatagram(r.far.ReadFrom, func(b []byte, from net.Addr) error {
		r.mu.Lock()
		c := r.clients[from.String()]
		var out net.Conn
		if c != nil {
			out = c.out
		}
		r.mu.Unlock()
		if out == nil { // it gave way meanwhile
			return nil
		}
		if err := r.capture(from, out.RemoteAddr(), b); err != nil {
			return err
		}
		_, _ = out.Write(b) // like any datagram it may be lost
		return nil
	})
	if err != nil {
		r.fail(err)
	}
}

// fromTarget puts on the link what the target sends to a client.
func (r *Relay) fromTarget(addr net.Addr, out net.Conn) {
	read := func(b []byte) (int, net.Addr, error) {
		n, err := out.Read(b)
		return n, addr, err
	}
	err := eachDatagram(read, func(b []byte, to net.Addr) error {
		_, _ = r.far.WriteTo(b, to) // fails only at the end
		return nil
	})
	if err != nil {
		r.fail(err)
	}
}

// toClient sends to a client what arrives for it at the constrained side.
func (r *Relay) toClient(c *relayed) {
	err := eachDatagram(c.near.ReadFrom, func(b []byte, _ net.Addr) error {
		r.mu.Lock()
		target := c.out.RemoteAddr()
		r.mu.Unlock()
		if err := r.capture(target, c.addr, b); err != nil {
			return err
		}
		_, _ = r.pc.WriteTo(b, c.addr) // like any datagram it may be lost
		return nil
	})
	if err != nil {
		r.fail(err)
	}
}

// capture records a datagram, before it is sent: so its answer comes behind it.
func (r *Relay) capture(from, to net.Addr, payload []byte) error {
	if r.Capture == nil {
		return nil
	}
	if err := r.Capture.Record(time.Now(), from, to, payload); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// eachDatagram calls f for each datagram until the socket is closed, for which it
// returns nil, or f fails.
func eachDatagram(read func([]byte) (int, net.Addr, error), f func([]byte, net.Addr) error) error {
	buf := make([]byte, maxUDP+1)
	for {
		n, from, err := read(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			time.Sleep(readPause)
			continue
		}
		if err := f(buf[:n], from); err != nil {
			return err
		}
	}
}
