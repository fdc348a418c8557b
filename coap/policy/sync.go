package policy

import (
	"encoding/json"
	"slices"

	"github.com/coapgw/coapgw/coap/link"
)

// syncs are the requests that synchronise.
var syncs = []string{"/_matrix/client/*/sync"}

// IsSync reports whether an escaped path is that of /sync.
func IsSync(escapedPath string) bool { return matchesAny(syncs, segments(escapedPath)) }

// IsMedia reports whether an escaped path is that of a file or a thumbnail.
func IsMedia(escapedPath string) bool {
	path := segments(escapedPath)
	return slices.ContainsFunc(rows[:], func(r Row) bool { return r.media && matchesAny(r.Paths, path) })
}

// syncRow is how much of the past a first /sync brings.
type syncRow struct {
	// first bounds the events of each room's timeline in a /sync without since; whole in
	// one with since that asks for the whole state. 0 leaves them to the client.
	first, whole int
}

var syncRows = [tiers]syncRow{
	Fast:     {0, 0},
	Moderate: {5, 0},
	Slow:     {3, 10},
	Slowest:  {1, 5},
}

// SyncCut returns how many events of each room's timeline a first /sync brings over a
// link at most; 0 leaves that to the client. continued is for a /sync that has a since
// and asks for the whole state.
func SyncCut(p link.Profile, continued bool) int {
	row := syncRows[TierOf(p)]
	if continued {
		return row.whole
	}
	return row.first
}

// defaultTimeline is how many events homeservers send where a filter says nothing.
const defaultTimeline = 10

// CutFilter returns a sync filter (CS API, "Filtering") that asks for at most events of
// each room's timeline and for no presence, and is otherwise the given one, which may
// be empty. ok is false when that is no filter, or asks for no more than that.
func CutFilter(filter []byte, events int) (cut []byte, ok bool) {
	top := map[string]json.RawMessage{}
	if len(filter) > 0 && (json.Unmarshal(filter, &top) != nil || top == nil) {
		return nil, false
	}
	room, ok := member(top, "room")
	if !ok {
		return nil, false
	}
	timeline, ok := member(room, "timeline")
	if !ok {
		return nil, false
	}
	presence, ok := member(top, "presence")
	if !ok {
		return nil, false
	}
	limit := defaultTimeline
	if text, has := timeline["limit"]; has && json.Unmarshal(text, &limit) != nil {
		return nil, false // a limit that is no limit is for the homeserver to refuse
	}
	if limit <= events && noPresence(presence) {
		return nil, false
	}
	set(timeline, "limit", min(limit, events))
	set(room, "timeline", timeline)
	set(top, "room", room)
	set(presence, "not_types", []string{"*"})
	set(top, "presence", presence)
	cut, err := json.Marshal(top)
	return cut, err == nil
}

// noPresence reports whether a filter lets no presence through.
func noPresence(presence map[string]json.RawMessage) bool {
	var types, not []string
	if text, has := presence["types"]; has && json.Unmarshal(text, &types) == nil && types != nil && len(types) == 0 {
		return true
	}
	if json.Unmarshal(presence["not_types"], &not) != nil {
		return false
	}
	for _, t := range not {
		if t == "*" {
			return true
		}
	}
	return false
}

// member is the object of that name, a new one where there is none or null. ok is false when it is
// something else.
func member(of map[string]json.RawMessage, name string) (map[string]json.RawMessage, bool) {
	object := map[string]json.RawMessage{}
	text, has := of[name]
	if !has {
		return object, true
	}
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, false
	}
	if object == nil {
		object = map[string]json.RawMessage{}
	}
	return object, true
}

// set replaces a member.
func set(of map[string]json.RawMessage, name string, value any) {
	if text, err := json.Marshal(value); err == nil { // what was decoded can be encoded
		of[name] = text
	}
}
