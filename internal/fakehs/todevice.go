package fakehs

import (
	"encoding/json"
	"maps"
	"slices"
)

// toDevice is a message that waits for a device.
type toDevice struct {
	pos     int64
	typ     string
	sender  string
	content json.RawMessage
}

// toDeviceBatch is how many messages one sync carries.
const toDeviceBatch = 100

// acknowledge deletes what the device has received: what came with the answer whose token it now sends. Until then every
// sync with the older token gets the messages again, so that none is lost with an answer (CS API, "Send-to-Device messaging").
func (c *cursor) acknowledge() {
	c.inbox = slices.DeleteFunc(c.inbox, func(m toDevice) bool { return m.pos <= c.since.inbox })
}

// undelivered is the next batch of messages, and the position that acknowledges it.
func (c *cursor) undelivered(now int64) (list *eventList, next int64) {
	for i, m := range c.inbox {
		if i == toDeviceBatch {
			return list, c.inbox[i-1].pos
		}
		list = list.add(m.typ, m.content)
		list.Events[i]["sender"] = m.sender
	}
	return list, now
}

func sendToDevice(s *Server, q *request) (any, error) {
	return once(q, func() (any, error) {
		in := struct {
			Messages map[string]map[string]json.RawMessage `json:"messages"`
		}{}
		if err := q.decode(&in); err != nil {
			return nil, err
		}
		for _, id := range slices.Sorted(maps.Keys(in.Messages)) {
			u := s.users[id]
			if u == nil {
				continue
			}
			for _, deviceID := range slices.Sorted(maps.Keys(in.Messages[id])) {
				s.deliver(u, deviceID, q.args[0], q.user.id, in.Messages[id][deviceID])
			}
		}
		s.wake()
		return object{}, nil
	})
}

// deliver puts a message into the inbox of a device, or of all devices of the user for "*".
func (s *Server) deliver(u *user, deviceID, typ, sender string, content json.RawMessage) {
	for _, id := range slices.Sorted(maps.Keys(u.devices)) {
		if id == deviceID || deviceID == "*" {
			s.now.inbox++
			u.devices[id].inbox = append(u.devices[id].inbox, toDevice{s.now.inbox, typ, sender, content})
		}
	}
}
