package lasting

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// life is that of a process: between its start and its end, by itself or by kill -9.
// What it does after its death reaches neither the disk nor the network nor the
// homeserver.
type life struct {
	mu   sync.Mutex
	dead bool
	// fuse is the commit at which the process dies, 0 for none; spared says that the
	// commit is carried out before.
	fuse   int
	spared bool
}

var errDead = errors.New("the process is dead")

// kill ends the life.
func (l *life) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

// killAt ends it at the n-th commit from now.
func (l *life) killAt(n int, spared bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fuse, l.spared = n, spared
}

// disarm lets it live.
func (l *life) disarm() { l.killAt(0, false) }

func (l *life) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// disk is what a process has of a store that outlives it.
type disk struct {
	*session.Memory
	*life
	// slow is how long a write takes.
	slow time.Duration
}

// Commit implements session.Store.
func (d disk) Commit(changes map[string][]byte) error {
	time.Sleep(d.slow)
	d.life.mu.Lock()
	defer d.life.mu.Unlock()
	if d.dead {
		return errDead
	}
	if d.fuse--; d.fuse == 0 {
		d.dead = true
		if !d.spared {
			return errDead
		}
	}
	return errors.Join(d.Memory.Commit(changes), d.verdict())
}

func (d disk) verdict() error {
	if d.dead {
		return errDead
	}
	return nil
}

// socket is what a process has of the link.
type socket struct {
	*linkemu.Conn
	*life
	w *world
}

// WriteTo implements net.PacketConn. The dead send nothing.
func (s socket) WriteTo(p []byte, to net.Addr) (int, error) {
	if s.over() {
		return len(p), nil
	}
	s.w.copies.of(s, p, to)
	return s.Conn.WriteTo(p, to)
}

// uplink is what a server has of the homeserver.
type uplink struct {
	*homeserver
	*life
}

// RoundTrip implements http.RoundTripper.
func (u uplink) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.over() {
		return nil, errDead
	}
	return u.homeserver.RoundTrip(r)
}
