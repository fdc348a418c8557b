package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// home is a homeserver with one room, one user, and a mailbox of to-device messages that it
// empties when it is asked past them.
type home struct {
	mu sync.Mutex
	// log is all that happened; a position is how much of it.
	log     []hsEvent
	changed chan struct{}

	// status, when set, decides about a request before it is answered: 0 lets it pass, and
	// -1 gives no answer at all.
	status func(path string) int
	// filters: it goes by filters; hasty: it holds no poll.
	filters, hasty bool
	left           bool
	// late is how many more syncs will not tell of the room.
	late int
	// asked are the requests, but for filters.
	asked []string
	// eaten counts to-device messages that were lost because they were asked past.
	eaten int
}

// hsEvent is an event of the room, or a to-device message.
type hsEvent struct {
	id, typ, sender, body string
	toDevice, forgotten   bool
}

func newHome() *home { return &home{changed: make(chan struct{}), filters: true} }

func (h *home) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// say adds messages.
func (h *home) say(sender string, bodies ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range bodies {
		h.add("m.room.message", sender, b)
	}
	h.wake()
}

// add adds an event. h.mu is held, or nobody follows yet.
func (h *home) add(typ, sender, body string) {
	h.log = append(h.log, hsEvent{id: fmt.Sprintf("$e%d:h", len(h.log)+1), typ: typ, sender: sender, body: body})
}

// mail adds a to-device message.
func (h *home) mail() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = append(h.log, hsEvent{toDevice: true})
	h.wake()
}

// lost is how many to-device messages were asked past before anybody fetched them.
func (h *home) lost() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.eaten
}

// fetch has another program with the same access token fetch what it can.
func (h *home) fetch() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.log {
		if h.log[i].toDevice {
			h.log[i].forgotten = true
		}
	}
	h.wake()
}

// kick throws the user out.
func (h *home) kick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left = true
	h.add("m.room.member", "@admin:h", "")
	h.wake()
}

func (h *home) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

var errAway = errors.New("the homeserver is away")

// get is a Get.
func (h *home) get(ctx context.Context, path string, query url.Values) (int, []byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	short := strings.TrimPrefix(path, api)
	if since := query.Get("since") + query.Get("from"); since != "" {
		short += " " + since
	}
	h.asked = append(h.asked, short)
	if h.status != nil {
		switch status := h.status(path); status {
		case 0:
		case -1:
			return 0, nil, errAway
		default:
			return status, []byte(`{"errcode":"M_WHATEVER","error":"no"}`), nil
		}
	}
	var answer any
	switch path {
	case api + "account/whoami":
		answer = map[string]string{"user_id": "@me:h"}
	case api + "directory/room/%23lab:h":
		answer = map[string]string{"room_id": "!r:h"}
	case api + "sync":
		millis, _ := strconv.Atoi(query.Get("timeout"))
		timeout := time.NewTimer(time.Duration(millis) * time.Millisecond)
		defer timeout.Stop()
		for waited := h.hasty || query.Get("since") == ""; ; {
			var news bool
			if answer, news = h.sync(query); news || waited {
				break
			}
			changed := h.changed
			h.mu.Unlock()
			select {
			case <-changed:
			case <-timeout.C:
				waited = true
			case <-ctx.Done():
			}
			h.mu.Lock()
			if ctx.Err() != nil {
				return 0, nil, ctx.Err()
			}
		}
	case api + "rooms/%21r:h/state/m.room.member/@me:h":
		answer = map[string]string{"membership": map[bool]string{false: "join", true: "leave"}[h.left]}
	case api + "rooms/%21r:h/messages":
		answer = h.messages(query)
	default:
		return 404, []byte(`{}`), nil
	}
	body, err := json.Marshal(answer)
	return 200, body, err
}

func (h *home) render(e hsEvent) map[string]any {
	return map[string]any{"event_id": e.id, "type": e.typ, "sender": e.sender, "content": map[string]string{"body": e.body}}
}

// passes reports whether a filter lets an event through.
func (h *home) passes(f eventFilter, e hsEvent) bool {
	matches := func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return pattern == e.typ || wild && strings.HasPrefix(e.typ, prefix)
	}
	return !h.filters || slices.ContainsFunc(f.Types, matches) && !slices.Contains(f.NotSenders, e.sender)
}

func (h *home) sync(query url.Values) (answer map[string]any, news bool) {
	since, _ := strconv.Atoi(strings.TrimPrefix(query.Get("since"), "s"))
	var f struct {
		Room struct{ Timeline eventFilter }
	}
	if err := json.Unmarshal([]byte(query.Get("filter")), &f); err != nil {
		panic(err)
	}
	var events []map[string]any
	var mail []any
	limited, prev := false, since
	for i := len(h.log) - 1; i >= 0; i-- {
		switch e := &h.log[i]; {
		case e.toDevice:
			if i < since && !e.forgotten {
				e.forgotten = true
				h.eaten++
			}
			if !e.forgotten {
				mail = append(mail, map[string]string{"type": "m.room_key"})
			}
		case i < since || limited || !h.passes(f.Room.Timeline, *e):
		case len(events) == f.Room.Timeline.Limit:
			limited, prev = true, i+1
		default:
			events = append(events, h.render(*e))
		}
	}
	slices.Reverse(events)
	room := map[string]any{"timeline": map[string]any{"events": events, "limited": limited, "prev_batch": fmt.Sprintf("p%d", prev)}}
	answer = map[string]any{"next_batch": fmt.Sprintf("s%d", len(h.log))}
	if len(mail) > 0 {
		answer["to_device"], news = map[string]any{"events": mail}, true
	}
	switch {
	case h.left:
		answer["rooms"], news = map[string]any{"leave": map[string]any{"!r:h": room}}, true
	case h.late > 0 && query.Get("since") == "":
		h.late--
	case len(events) > 0 || query.Get("since") == "":
		answer["rooms"], news = map[string]any{"join": map[string]any{"!r:h": room}}, true
	}
	return answer, news
}

func (h *home) messages(query url.Values) map[string]any {
	from, _ := strconv.Atoi(strings.TrimPrefix(query.Get("from"), "p"))
	limit, _ := strconv.Atoi(query.Get("limit"))
	var f eventFilter
	if err := json.Unmarshal([]byte(query.Get("filter")), &f); err != nil {
		panic(err)
	}
	chunk := []map[string]any{}
	at := min(from, len(h.log))
	for ; at > 0 && len(chunk) < limit; at-- {
		if e := h.log[at-1]; !e.toDevice && h.passes(f, e) {
			chunk = append(chunk, h.render(e))
		}
	}
	answer := map[string]any{"chunk": chunk, "start": query.Get("from")}
	if at > 0 {
		answer["end"] = fmt.Sprintf("p%d", at)
	}
	return answer
}
