package observe

import (
	"encoding/json"

	"github.com/coapgw/coapgw/cborcodec"
)

// An answer to /sync that holds nothing but what the client has sent itself is worth less
// than a datagram: the client has had the event ID, and shows the message since it was
// written. On a slow link it waits a while for company: see Patience.

// OwnOnly reports whether the events of an answer to /sync are all echoes of the device that
// asks (CS API, "Local echo": unsigned.transaction_id), and whether there is nothing else in
// it.
func OwnOnly(body []byte) bool {
	members, err := cborcodec.JSONMembers(body)
	if err != nil {
		return false
	}
	delete(members, "next_batch")
	for _, name := range countKeys() {
		delete(members, name)
	}
	echoes := 0
	for name, value := range members {
		if name != "rooms" {
			if !hollow(value) {
				return false
			}
			continue
		}
		rooms, err := cborcodec.JSONMembers(value)
		if err != nil {
			return false
		}
		for kind, value := range rooms {
			if kind != "join" {
				if !hollow(value) {
					return false
				}
				continue
			}
			var joined map[string]map[string]json.RawMessage
			if json.Unmarshal(value, &joined) != nil {
				return false
			}
			for _, room := range joined {
				n, ok := ownEvents(room)
				if !ok {
					return false
				}
				echoes += n
			}
		}
	}
	return echoes > 0
}

// ownEvents counts the echoes in a room; ok is false when there is something else.
func ownEvents(room map[string]json.RawMessage) (n int, ok bool) {
	for name, value := range room {
		switch name {
		case "timeline":
			var timeline struct {
				Limited bool
				Events  []struct {
					StateKey *string `json:"state_key"`
					Unsigned struct {
						TransactionID string `json:"transaction_id"`
					}
				}
			}
			if json.Unmarshal(value, &timeline) != nil || timeline.Limited {
				return 0, false
			}
			for _, e := range timeline.Events {
				if e.Unsigned.TransactionID == "" || e.StateKey != nil {
					return 0, false
				}
			}
			n += len(timeline.Events)
		case "unread_notifications":
			var counts map[string]int
			if json.Unmarshal(value, &counts) != nil {
				return 0, false
			}
			for _, count := range counts {
				if count != 0 {
					return 0, false
				}
			}
		default:
			if !hollow(value) {
				return 0, false
			}
		}
	}
	return n, true
}
