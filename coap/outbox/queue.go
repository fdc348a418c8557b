package outbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coapgw/coapgw/coap/txn"
)

// Keys in the store. The number of a request is in hexadecimal.
const (
	itemPrefix   = "outbox/request/"
	answerPrefix = "outbox/answer/"
)

func storeKey(number uint64) string { return fmt.Sprintf("%s%016x", itemPrefix, number) }

// load reads the queue of an earlier life. What is damaged is deleted: its client was not
// told that it was sent.
func (t *Transport) load() error {
	if err := t.answers.Open(); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	keys, err := t.Store.Keys(itemPrefix)
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	slices.Sort(keys)
	damaged := make(map[string][]byte)
	now := time.Now()
	for _, key := range keys {
		number, err := strconv.ParseUint(strings.TrimPrefix(key, itemPrefix), 16, 64)
		value, errLoad := t.Store.Load(key)
		var it *item
		if err == nil && errLoad == nil && key == storeKey(number) {
			it, _ = itemOf(number, value)
		}
		if it == nil || t.byKey[it.key] != nil {
			damaged[key] = nil
			continue
		}
		it.at = plausible(it.at, now, t.MaxAge)
		it.stored = true
		t.items = append(t.items, it)
		t.byKey[it.key] = it
		t.bytes += it.size
		t.last = number
	}
	if len(t.items) > 0 {
		t.Log.Info("messages wait to be sent", "count", len(t.items), "bytes", t.bytes)
	}
	if len(damaged) == 0 {
		return nil
	}
	t.Log.Error("messages that waited are damaged", "count", len(damaged))
	if err := t.Store.Commit(damaged); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// plausible is when an item of an earlier life was accepted, by a clock that may have been
// wrong then or may be now: not in the future, and not so long ago that nothing is left of
// half the time that it may wait.
func plausible(at, now time.Time, maxAge time.Duration) time.Time {
	if at.After(now) {
		return now
	}
	return later(at, now.Add(-maxAge/2))
}

// add puts an item at the end of the queue. t.mu is held.
func (t *Transport) add(it *item) {
	t.last++
	it.number = t.last
	t.items = append(t.items, it)
	t.byKey[it.key] = it
	t.bytes += it.size
}

// remove takes an item out of the queue. t.mu is held.
func (t *Transport) remove(it *item, o outcome) {
	i := slices.Index(t.items, it)
	if i < 0 {
		return
	}
	t.items = slices.Delete(t.items, i, i+1)
	delete(t.byKey, it.key)
	t.bytes -= it.size
	it.outcome = o
	close(it.over)
	t.poke()
}

// store makes an item durable, so that it may be sent.
func (t *Transport) store(it *item, value []byte) error {
	err := t.Store.Commit(map[string][]byte{storeKey(it.number): value})
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		e := internal("the gateway cannot write to its store of messages", err)
		t.Log.Error("a message was not stored", "error", err)
		t.remove(it, outcome{err: e})
		return e
	}
	it.stored = true
	t.way.asked(time.Now(), t.firstPause())
	t.poke()
	return nil
}

// leave takes an item out of the store and the queue with its outcome. An answer that holds
// for a client that comes later is kept in the same write.
func (t *Transport) leave(it *item, o outcome) {
	gone := map[string][]byte{storeKey(it.number): nil}
	var err error
	if o.err == nil && definite(o.answer.Status) {
		err = t.answers.Keep(it.key, it.user, o.answer, gone)
	} else {
		err = t.Store.Commit(gone)
	}
	if err != nil { // the next life sends it again, and the other end knows it
		t.Log.Error("a message that was sent is still in the store", "error", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(it, o)
}

// leaveAll ends what waits for a user whose token is worth nothing any more, and the answers
// that are kept for it. What is being sent gets its own answer.
func (t *Transport) leaveAll(user txn.Digest, o outcome) {
	gone := make(map[string][]byte)
	var left []*item
	t.mu.Lock()
	for _, it := range t.items {
		if it.user == user && it.stored && !it.sending {
			it.sending = true // nobody else touches it now
			gone[storeKey(it.number)] = nil
			left = append(left, it)
		}
	}
	t.mu.Unlock()
	if len(gone) > 0 {
		t.Log.Warn("messages leave the queue, their access token has ended", "count", len(gone))
		if err := t.Store.Commit(gone); err != nil {
			t.Log.Error("messages are still in the store", "error", err)
		}
	}
	if err := t.answers.Forget(user); err != nil {
		t.Log.Error("answers are still in the store", "error", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, it := range left {
		t.remove(it, o)
	}
}

// Snapshot is the state of the queue at a moment, for a person. It names nobody.
type Snapshot struct {
	// Queued is how many requests wait, Bytes what they take in the store.
	Queued, Bytes int
	// Oldest is how long the oldest one waits.
	Oldest time.Duration
	// Sending is how many of them are on their way.
	Sending int
	// Rooms are the rooms of each user for which something waits, in the order of their
	// oldest request. Messages to devices of a user count as a room of their own.
	Rooms []RoomQueue
	// LinkAway: the link did not work the last time; NextTry is when it is tried again at
	// the latest.
	LinkAway bool
	NextTry  time.Time
	// Answers are kept for clients that come again.
	Answers int
}

// RoomQueue is what waits for one room of a user.
type RoomQueue struct {
	// Queued is how many requests, Bytes what they take in the store.
	Queued, Bytes int
	// Oldest is how long the oldest one waits.
	Oldest time.Duration
	// ToDevice: not a room, but messages to devices.
	ToDevice bool
}

// Snapshot returns the state of the queue.
func (t *Transport) Snapshot() Snapshot {
	if t.Start() != nil {
		return Snapshot{}
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Snapshot{Queued: len(t.items), Bytes: t.bytes, Sending: t.sending, LinkAway: t.way.away}
	if s.LinkAway {
		s.NextTry = t.way.probeAt
	}
	s.Answers, _ = t.answers.Len()
	rooms := make(map[lane]int)
	for _, it := range t.items {
		i, known := rooms[it.lane()]
		if !known {
			i = len(s.Rooms)
			rooms[it.lane()] = i
			s.Rooms = append(s.Rooms, RoomQueue{Oldest: now.Sub(it.at), ToDevice: it.ToDevice})
		}
		s.Rooms[i].Queued++
		s.Rooms[i].Bytes += it.size
		s.Oldest = max(s.Oldest, now.Sub(it.at))
	}
	return s
}

// executed reports whether an answer says that something was done.
func executed(status int) bool { return status >= 200 && status < 300 }
