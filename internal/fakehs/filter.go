package fakehs

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// filter is the part of a sync filter that this server honours (CS API, "Filtering").
type filter struct {
	AccountData eventFilter `json:"account_data"`
	Presence    eventFilter `json:"presence"`
	Room        struct {
		Rooms        []string    `json:"rooms"`
		NotRooms     []string    `json:"not_rooms"`
		IncludeLeave bool        `json:"include_leave"`
		Timeline     eventFilter `json:"timeline"`
		State        eventFilter `json:"state"`
		Ephemeral    eventFilter `json:"ephemeral"`
		AccountData  eventFilter `json:"account_data"`
	} `json:"room"`
}

type eventFilter struct {
	Limit      *int     `json:"limit"`
	Types      []string `json:"types"`
	NotTypes   []string `json:"not_types"`
	Senders    []string `json:"senders"`
	NotSenders []string `json:"not_senders"`
	// Lazy asks only for members who matter to the events in the answer (CS API, "Lazy-loading room members"). This server
	// does not remember whom it has sent: it answers the same again, as servers may.
	Lazy bool `json:"lazy_load_members"`
}

func (f eventFilter) limitOr(fallback int) int {
	if f.Limit == nil {
		return fallback
	}
	return min(max(*f.Limit, 0), 1000)
}

// passes says whether an event of that type by that sender is wanted. A filter that is absent, unlike an empty one, lets
// everything through.
func (f eventFilter) passes(typ, sender string) bool {
	matches := func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return pattern == typ || wild && strings.HasPrefix(typ, prefix)
	}
	return (f.Types == nil || slices.ContainsFunc(f.Types, matches)) && !slices.ContainsFunc(f.NotTypes, matches) &&
		(f.Senders == nil || slices.Contains(f.Senders, sender)) && !slices.Contains(f.NotSenders, sender)
}

func (f filter) wantsRoom(id string) bool {
	return (f.Room.Rooms == nil || slices.Contains(f.Room.Rooms, id)) && !slices.Contains(f.Room.NotRooms, id)
}

func parseEventFilter(text string) (f eventFilter, err error) {
	if text != "" && json.Unmarshal([]byte(text), &f) != nil {
		err = invalid("the filter is not a filter")
	}
	return f, err
}

// syncFilter reads the filter parameter of /sync: a filter in JSON, or the id of a stored one.
func (u *user) syncFilter(text string) (f filter, err error) {
	switch {
	case text == "":
	case strings.HasPrefix(text, "{"):
		if json.Unmarshal([]byte(text), &f) != nil {
			err = invalid("the filter is not a filter")
		}
	default:
		var stored json.RawMessage
		if stored, err = u.filter(text); err == nil {
			_ = json.Unmarshal(stored, &f) // checked when it was stored
		}
	}
	return f, err
}

func (u *user) filter(id string) (json.RawMessage, error) {
	n, err := strconv.Atoi(id)
	if err != nil || n < 0 || n >= len(u.filters) {
		return nil, notFound("no such filter")
	}
	return u.filters[n], nil
}

func postFilter(_ *Server, q *request) (any, error) {
	if err := q.self(q.args[0]); err != nil {
		return nil, err
	}
	text, err := q.content()
	if err != nil {
		return nil, err
	}
	if err := q.decode(&filter{}); err != nil {
		return nil, err
	}
	same := func(f json.RawMessage) bool { return string(f) == string(text) }
	id := slices.IndexFunc(q.user.filters, same)
	if id < 0 {
		id = len(q.user.filters)
		q.user.filters = append(q.user.filters, text)
	}
	return object{"filter_id": strconv.Itoa(id)}, nil
}

func getFilter(_ *Server, q *request) (any, error) {
	if err := q.self(q.args[0]); err != nil {
		return nil, err
	}
	f, err := q.user.filter(q.args[1])
	return f, err
}
