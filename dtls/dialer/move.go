package dialer

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// Move takes all sessions to new sockets, since the network has changed and the old ones may
// be bound to what is gone. Sessions stay where their server is, if a route leads there, and
// else go to the first one. Nothing is sent: the server learns of it with the next record,
// by its Connection ID (RFC 9146 §6). A session that cannot be moved stays as it is; the error
// says why. Handshakes under way begin anew.
func (d *Dialer) Move(ctx context.Context) error {
	d.mu.Lock()
	live := slices.Collect(maps.Keys(d.live))
	for a := range d.dialling {
		a.moved = true
		a.cancel()
	}
	d.mu.Unlock()
	if len(live) == 0 {
		return nil
	}
	find, _ := d.peer()
	routes, err := find(ctx)
	if err != nil {
		return err
	}
	if len(routes) == 0 {
		return errNoAddress
	}
	for _, s := range live {
		err = errors.Join(err, s.move(routes))
	}
	return err
}

func (s *session) move(routes []Route) error {
	to := routes[0]
	for _, r := range routes {
		if r.Peer.String() == s.RemoteAddr().String() {
			to = r
			break
		}
	}
	pc, err := to.Open()
	if err != nil {
		return err
	}
	if err := s.Conn.Move(pc, to.Peer); err != nil {
		return err
	}
	s.d.took(to, routes)
	return nil
}

// follow moves a session that was opened while the network changed, if that is possible.
func (s *session) follow(ctx context.Context) {
	find, _ := s.d.peer()
	routes, err := find(ctx)
	if err == nil && len(routes) > 0 {
		err = s.move(routes)
	}
	if err != nil {
		s.d.log().Warn("the session stays with its socket", "err", err)
	}
}

// attempt is one to open a session. It ends when the network changes.
type attempt struct {
	context.Context
	cancel context.CancelFunc
	moved  bool // guarded by Dialer.mu
}

func (d *Dialer) begin(ctx context.Context) *attempt {
	a := &attempt{}
	a.Context, a.cancel = context.WithCancel(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dialling == nil {
		d.dialling = make(map[*attempt]struct{})
	}
	d.dialling[a] = struct{}{}
	return a
}

// end reports whether the network has changed during an attempt.
func (d *Dialer) end(a *attempt) (moved bool) {
	defer a.cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.dialling, a)
	return a.moved
}
