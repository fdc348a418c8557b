package traffic

import (
	"fmt"
	"strings"
)

// world is all that is on one homeserver: accounts, rooms and what was said. Its
// sessions follow each other, each as one of the users.
type world struct {
	source
	server   Server
	speakers []*speaker
	taken    map[string]bool
	locals   []*user
	remotes  []*user
	bots     []*user
	ghosts   []*user
	rooms    []*room
	now      int64
	streams  streams
	listener *user // whose client is at work, with its first device
}

// streams are the counters of a homeserver that sync tokens are made of, in the order of
// Synapse: events, presence, typing, receipts, account data, push rules, to-device,
// device lists, groups, partial state, thread subscriptions.
type streams [11]int64

const (
	streamEvents = iota
	streamPresence
	streamTyping
	streamReceipts
	streamAccount
	streamRules
	streamDevice
	streamLists
	streamGroups
	streamPartial
	streamThreads
)

// sum is the one counter of servers that count everything together.
func (s *streams) sum() int64 {
	var n int64
	for _, v := range s[:streamLists+1] {
		n += v
	}
	return n
}

// event is something that happened in a room.
type event struct {
	id, kind string
	sender   *user
	room     *room
	state    bool
	stateKey string
	content  object
	ts       int64
	redacts  string
	prev     *event // the state it replaces
	redacted *event // what redacted it
	position int64  // in the stream of events
	count    int64  // of all streams, for servers that have one counter
	thread   string // root of the thread, if any
	text     string // what it says, for those who answer
	txn      string // transaction ID, for the device that sent it
	txnOf    *device
	told     *device // the last one that was told of it
	latest   *event  // newest edit
	replies  int     // in the thread that it is the root of
}

// room is a room and its history.
type room struct {
	id, version, kind, name string
	alias                   string
	avatar                  string
	encrypted, public       bool
	speaker                 *speaker
	creator                 *user
	members                 []*user
	state                   []*event
	timeline                []*event
	megolm                  map[*user]*megolm
	depth                   int64
	notifications           int
	highlights              int
	threadUnread            map[string]int
	read                    *event
	seen                    map[*user]bool // members that the client of the session knows
	tags                    object
}

// kinds of rooms there are, with their share.
var roomKinds = []choice[string]{{38, "group"}, {24, "dm"}, {14, "public"}, {8, "alerts"}, {8, "bridge"}, {8, "space"}}

func newWorld(s Server) *world {
	w := &world{source: newSource(s.Name), server: s, taken: map[string]bool{}, now: s.Start*1000 + 517}
	for _, l := range s.Languages {
		w.speakers = append(w.speakers, newSpeaker(l, s.HeldOut, newSource(s.Name+"/"+l)))
	}
	w.startStreams()
	for range w.between(7, 12) {
		w.locals = append(w.locals, w.newUser(s.Name, w.speaker()))
	}
	for _, p := range s.Peers {
		for range w.between(2, 7) {
			w.remotes = append(w.remotes, w.newUser(p, w.speaker()))
		}
	}
	for _, n := range []string{pick(w.source, botNames(s.HeldOut)), pick(w.source, botNames(s.HeldOut))} {
		w.bots = append(w.bots, w.newBot(n))
	}
	bridge := w.IntN(len(bridges))
	for range w.between(3, 6) {
		w.ghosts = append(w.ghosts, w.newGhost(bridge, w.speaker()))
	}
	for range w.between(9, 14) {
		w.newRoom(choose(w.source, roomKinds))
	}
	w.newRoom("group").encryptNow(w)
	w.newRoom("alerts")
	return w
}

func botNames(heldOut bool) []string {
	if heldOut {
		return []string{"sentinel", "tide", "postmaster"}
	}
	return []string{"weather", "alertmanager", "reminder", "hookshot", "maubot", "gitlab", "moderation"}
}

// startStreams sets the counters to where a server of its size would have them.
func (w *world) startStreams() {
	size := int64(w.server.Busy) * int64(w.server.Busy)
	for i := range w.streams {
		w.streams[i] = w.span(1, 40+size*w.span(1, 90))
	}
	w.streams[streamPresence] = w.streams[streamPresence]*w.span(1, 80) + 1
	if !w.server.Traits.Presence {
		w.streams[streamPresence] = pick(w.source, []int64{1, 757284974, 0, 21})
	}
	w.streams[streamTyping] = w.span(1, 3000)
	w.streams[streamRules] = w.span(1, 4000)
	w.streams[streamGroups] = w.span(0, 3)
	w.streams[streamPartial] = w.span(0, 700)
	w.streams[streamThreads] = w.span(0, 2)
}

// speaker is of the first language as a rule.
func (w *world) speaker() *speaker {
	if w.percent(65) {
		return w.speakers[0]
	}
	return pick(w.source, w.speakers)
}

// others are some accounts that are likely in a room, without double ones.
func (w *world) others(n int, not ...*user) []*user {
	pool := append(append([]*user{}, w.locals...), w.remotes...)
	w.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	var all []*user
	for _, u := range pool {
		if len(all) < n && (len(not) == 0 || u != not[0]) {
			all = append(all, u)
		}
	}
	return all
}

// newRoom makes a room with its state and some history.
func (w *world) newRoom(kind string) *room {
	s := w.source
	r := &room{kind: kind, version: pick(s, w.server.Versions), speaker: w.speaker(), megolm: map[*user]*megolm{}, threadUnread: map[string]int{}, seen: map[*user]bool{}}
	r.creator = pick(s, w.locals)
	if w.percent(25) && len(w.remotes) > 0 && kind != "dm" {
		r.creator = pick(s, w.remotes)
	}
	size := map[string]int{"group": w.between(3, 9), "dm": 1, "public": w.between(6, 20), "alerts": w.between(1, 4), "bridge": 2, "space": w.between(3, 12)}[kind]
	r.members = append([]*user{r.creator}, w.others(size, r.creator)...)
	switch kind {
	case "group":
		r.name, r.encrypted = pick(s, r.speaker.rooms), w.percent(50)
	case "dm":
		r.encrypted = w.percent(75)
	case "public":
		r.name, r.public = pick(s, r.speaker.rooms)+" "+pick(s, r.speaker.places), true
	case "alerts":
		r.name = pick(s, []string{"alerts", "CI", "status", "#ops-log", "monitoring"}) + " " + r.speaker.number()
		r.members = append(r.members, w.bots...)
	case "bridge":
		r.name = pick(s, r.speaker.rooms) + " (" + pick(s, r.speaker.family) + ")"
		r.members = append(r.members, w.ghosts...)
	case "space":
		r.name, r.public = pick(s, r.speaker.rooms), w.percent(50)
	}
	switch r.version {
	case "12":
		r.id = "!" + s.base64url(32)
	default:
		r.id = "!" + s.letters(18, upper+lower) + ":" + r.creator.server
		if w.server.Software == Dendrite {
			r.id = "!" + s.letters(16, upper+lower+decimal) + ":" + r.creator.server
		}
	}
	if r.public || w.percent(20) && kind != "dm" {
		r.alias = "#" + plainOr(strings.ReplaceAll(strings.ToLower(r.name), " ", "-"), s.letters(7, lower)) + ":" + r.creator.server
	}
	r.depth = w.span(20, 3000)
	w.rooms = append(w.rooms, r)
	w.foundRoom(r)
	if kind != "space" {
		for range w.between(3, 25) {
			w.now += w.span(1000, 900000)
			w.happen(r)
		}
	}
	return r
}

// encryptNow turns on encryption.
func (r *room) encryptNow(w *world) *room {
	if !r.encrypted {
		r.encrypted = true
		w.setState(r, r.creator, "m.room.encryption", "", obj("algorithm", "m.megolm.v1.aes-sha2"))
	}
	return r
}

// newEventID is in the form of the version of the room.
func (w *world) newEventID(r *room, sender *user) string {
	switch r.version {
	case "1", "2":
		if w.percent(50) {
			return fmt.Sprintf("$%s%s:%s", w.letters(13, decimal), w.letters(5, upper+lower), sender.server)
		}
		return "$" + w.letters(18, upper+lower) + ":" + sender.server
	case "3":
		return "$" + w.base64(32)
	}
	return "$" + w.base64url(32)
}

// add puts an event into the history of its room.
func (w *world) add(r *room, sender *user, kind string, content object) *event {
	e := &event{kind: kind, sender: sender, room: r, content: content, ts: w.now, id: w.newEventID(r, sender)}
	if sender.remote {
		e.content = sortedKeys(content).(object)
		e.ts -= w.span(20, 1500)
	}
	w.streams[streamEvents]++
	r.depth++
	e.position, e.count = w.streams[streamEvents], w.streams.sum()
	r.timeline = append(r.timeline, e)
	if len(r.timeline) > 80 {
		r.timeline = append([]*event{}, r.timeline[30:]...)
	}
	return e
}

// setState adds an event that replaces one of its kind and key.
func (w *world) setState(r *room, sender *user, kind, key string, content object) *event {
	e := w.add(r, sender, kind, content)
	e.state, e.stateKey = true, key
	for i, old := range r.state {
		if old.kind == kind && old.stateKey == key {
			e.prev = old
			r.state[i] = e
			return e
		}
	}
	r.state = append(r.state, e)
	return e
}

func (r *room) current(kind, key string) *event {
	for _, e := range r.state {
		if e.kind == kind && e.stateKey == key {
			return e
		}
	}
	return nil
}

func (r *room) has(u *user) bool {
	for _, m := range r.members {
		if m == u {
			return true
		}
	}
	return false
}
