package fakehs

import (
	"maps"
	"slices"
)

// removeDevices ends logins, with their keys and what waits in their inboxes.
func (s *Server) removeDevices(u *user, ids ...string) {
	for _, id := range ids {
		if d := u.devices[id]; d != nil {
			delete(s.tokens, d.token)
			delete(u.devices, id)
		}
	}
	u.keysChanged = s.update()
}

func (d *device) view() object {
	return object{"device_id": d.id, "display_name": d.name, "last_seen_ip": "127.0.0.1", "last_seen_ts": d.lastSeen}
}

func listDevices(_ *Server, q *request) (any, error) {
	list := []object{}
	for _, id := range slices.Sorted(maps.Keys(q.user.devices)) {
		list = append(list, q.user.devices[id].view())
	}
	return object{"devices": list}, nil
}

func getDevice(_ *Server, q *request) (any, error) {
	d := q.user.devices[q.args[0]]
	if d == nil {
		return nil, notFound("no such device")
	}
	return d.view(), nil
}

func renameDevice(s *Server, q *request) (any, error) {
	d := q.user.devices[q.args[0]]
	if d == nil {
		return nil, notFound("no such device")
	}
	in := struct {
		Name *string `json:"display_name"`
	}{}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if in.Name != nil {
		d.name = *in.Name
		q.user.keysChanged = s.update()
	}
	return object{}, nil
}

// deleteDevices serves both the deletion of one device and of a list. Both want the password again.
func deleteDevices(s *Server, q *request) (any, error) {
	in := struct {
		Auth    *authData `json:"auth"`
		Devices []string  `json:"devices"`
	}{}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	check := func(a *authData) bool { return q.user.hasPassword(a.Password) }
	if again := s.interactive(in.Auth, "m.login.password", check); again != nil {
		return again, nil
	}
	s.removeDevices(q.user, append(in.Devices, q.args...)...)
	return object{}, nil
}
