package push

import (
	"errors"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// life is that of a process, which ends by itself or by kill -9. What it does after its
// death reaches neither the disk nor the network nor the homeserver.
type life struct{ dead atomic.Bool }

var errDead = errors.New("the process is dead")

// disk is what a process has of a store that outlives it.
type disk struct {
	*session.Memory
	*life
}

// Commit implements session.Store.
func (d disk) Commit(changes map[string][]byte) error {
	if d.dead.Load() {
		return errDead
	}
	return d.Memory.Commit(changes)
}

// socket is what a process has of the link, which may be away.
type socket struct {
	*linkemu.Conn
	*life
	away *atomic.Bool
}

// WriteTo implements net.PacketConn.
func (s socket) WriteTo(p []byte, to net.Addr) (int, error) {
	if s.dead.Load() || s.away.Load() {
		return len(p), nil
	}
	return s.Conn.WriteTo(p, to)
}

// uplink is what the server has of the homeserver, which may be away.
type uplink struct {
	http.Handler
	*life
	away *atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (u uplink) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.dead.Load() || u.away.Load() {
		return nil, errDead
	}
	return inprocess.Transport{Handler: u.Handler}.RoundTrip(r)
}
