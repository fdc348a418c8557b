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
// says why.
func (d *Dialer) Move(ctx context.Context) error {
	d.mu.Lock()
	live := slices.Collect(maps.Keys(d.live))
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
