package dialer

import (
	"slices"

	"github.com/coapgw/coapgw/dtls"
)

// A stored session goes on without a word to the server, so nothing tells whether a
// route leads there. The one that the session began by did.

// wayPrefix and a session's name are where its route is stored.
const wayPrefix = "gateway/way/"

// way is the store and the name under which the route of the session is kept, no store
// where there is none or nothing to choose.
func (d *Dialer) way(routes []Route) (store dtls.Store, name string) {
	if d.Security == nil || d.Security.Store == nil || len(routes) < 2 {
		return nil, ""
	}
	return d.Security.Store, wayPrefix + d.Security.SessionName
}

// sorted puts the route of the stored session first.
func (d *Dialer) sorted(routes []Route) []Route {
	store, name := d.way(routes)
	if store == nil {
		return routes
	}
	taken, err := store.Load(name)
	if err != nil {
		d.log().Warn("the route of the stored session is lost", "err", err)
	}
	i := slices.IndexFunc(routes, func(r Route) bool { return r.Peer.String() == string(taken) })
	if i <= 0 {
		return routes
	}
	others := slices.Delete(slices.Clone(routes), i, i+1)
	return slices.Insert(others, 0, routes[i])
}

// took stores the route of a session.
func (d *Dialer) took(r Route, routes []Route) {
	store, name := d.way(routes)
	if store == nil {
		return
	}
	before, err := store.Load(name)
	if err == nil && string(before) == r.Peer.String() {
		return
	}
	if err := store.Commit(map[string][]byte{name: []byte(r.Peer.String())}); err != nil {
		d.log().Warn("the route of the session is not stored", "err", err)
	}
}
