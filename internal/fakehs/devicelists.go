package fakehs

import (
	"maps"
	"slices"
)

// deviceLists tells a client whose keys to ask for again (CS API, "Tracking the device list for a user").
type deviceLists struct {
	Changed []string `json:"changed"`
	Left    []string `json:"left"`
}

// sharing is the set of users that share a room with u, u included.
func (s *Server) sharing(u *user) map[string]bool {
	set := map[string]bool{u.id: true}
	for _, r := range s.roomsOf(u, "join") {
		for _, id := range r.members("join") {
			set[id] = true
		}
	}
	return set
}

// deviceListNews is what changed since a position: keys, and who shares a room with u. It is nil when nothing did.
func (s *Server) deviceListNews(u *user, since position) *deviceLists {
	now, changed, left := s.sharing(u), map[string]bool{}, map[string]bool{}
	for id := range now {
		if s.users[id].keysChanged > since.updates {
			changed[id] = true
		}
	}
	for _, r := range s.rooms {
		for _, e := range r.after(since.events) {
			if e.typ != typeMember || e.stateKey == nil || (e.membership() == "join") == (e.prev.membership() == "join") {
				continue
			}
			var affected []string
			switch {
			case *e.stateKey == u.id:
				affected = r.members("join")
			case r.joined(u.id):
				affected = []string{*e.stateKey}
			}
			for _, id := range affected {
				switch came := e.membership() == "join"; {
				case id == u.id:
				case came && now[id]:
					changed[id] = true
				case !came && !now[id]:
					left[id] = true
				}
			}
		}
	}
	if len(changed)+len(left) == 0 {
		return nil
	}
	list := func(set map[string]bool) []string { return append([]string{}, slices.Sorted(maps.Keys(set))...) }
	return &deviceLists{list(changed), list(left)}
}

func keyChanges(s *Server, q *request) (any, error) {
	since, err := s.parsePosition(q.query.Get("from"))
	if err != nil {
		return nil, err
	}
	if news := s.deviceListNews(q.user, since); news != nil {
		return news, nil
	}
	return &deviceLists{[]string{}, []string{}}, nil
}
