package dtls

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// resting is what a listener knows of a session in the store without reading it.
type resting struct {
	identity string
	// since is when it was last used. What a clock that jumps said in an earlier
	// process counts only where it makes sense.
	since time.Time
}

// mostSessions bounds the sessions of a listener and of its store together. What is
// left of the Connection IDs is for handshakes.
const mostSessions = 30_000

// clocksAreSet is what no clock that was ever set is before: a machine that has no clock of its
// own begins in 1970, until it has asked the network.
var clocksAreSet = time.Date(1990, time.January, 1, 0, 0, 0, 0, time.UTC)

// openStore returns the sessions that rest in the store. Those past their lifetime
// are deleted, and so are those idle for longest beyond the bound.
func openStore(cfg Config) (map[cid]resting, error) {
	stored := map[cid]resting{}
	if cfg.Store == nil {
		return stored, nil
	}
	keys, err := cfg.Store.Keys(serverPrefix)
	if err != nil {
		return nil, fmt.Errorf("dtls: store not read: %w", err)
	}
	now := time.Now()
	changes := map[string][]byte{}
	for _, key := range keys {
		prefix, ok := strings.CutSuffix(key, secretsKey)
		if !ok {
			continue
		}
		k := kept{cfg.Store, prefix}
		id, _ := hex.DecodeString(strings.TrimPrefix(prefix, serverPrefix))
		c, ok := parseCID(id)
		s, last, err := k.read()
		if err != nil && !errors.Is(err, ErrNoSession) {
			cfg.log().Error("dtls: a stored session is lost", "error", err)
			continue
		}
		age := max(0, now.Sub(last.used))
		if last.used.Before(clocksAreSet) {
			age = 0
		}
		if err != nil || !ok || age > cfg.IdleLifetime {
			k.deleteIn(changes)
			continue
		}
		stored[c] = resting{identity: s.identity, since: now.Add(-age)}
	}
	newest := slices.SortedFunc(maps.Keys(stored), func(a, b cid) int { return stored[b].since.Compare(stored[a].since) })
	for _, c := range newest[min(len(newest), mostSessions):] {
		kept{cfg.Store, placeOf(c)}.deleteIn(changes)
		delete(stored, c)
	}
	if len(changes) > 0 {
		if err := cfg.Store.Commit(changes); err != nil {
			return nil, fmt.Errorf("dtls: store not written: %w", err)
		}
	}
	return stored, nil
}

// placeOf is the prefix of a Connection ID's session in the store.
func placeOf(c cid) string { return serverPrefix + hex.EncodeToString(c.bytes()) }

// place is where the session of a Connection ID is stored.
func (l *Listener) place(c cid) kept { return kept{l.cfg.Store, placeOf(c)} }

// longestResting returns, of the sessions that match, the one that was not used for
// longest.
func longestResting(stored map[cid]resting, match func(resting) bool) (oldest cid, ok bool) {
	for c, r := range stored {
		if match(r) && (!ok || r.since.Before(stored[oldest].since)) {
			oldest, ok = c, true
		}
	}
	return oldest, ok
}

// lay notes that a session rests in the store.
func (l *Listener) lay(c cid, r resting) {
	l.stored[c] = r
	l.perIdentity[r.identity]++
}

// claim takes a session out of the stored ones. Its Connection ID stays taken, by the
// association that it returns.
func (l *Listener) claim(c cid) (*association, resting) {
	r := l.stored[c]
	delete(l.stored, c)
	l.left(r.identity)
	a := l.newAssociation(c)
	l.byCID[c] = a
	return a, r
}

// left notes that an identity has one session less.
func (l *Listener) left(identity string) {
	if l.perIdentity[identity]--; l.perIdentity[identity] == 0 {
		delete(l.perIdentity, identity)
	}
}

// dismiss ends sessions that rest in the store. What it returns deletes them there,
// without l.mu; until then their Connection IDs are taken.
func (l *Listener) dismiss(ids ...cid) func() error {
	claimed := map[cid]resting{}
	for _, c := range ids {
		_, claimed[c] = l.claim(c)
	}
	return func() error {
		changes := map[string][]byte{}
		for c := range claimed {
			l.place(c).deleteIn(changes)
		}
		err := l.cfg.Store.Commit(changes)
		l.mu.Lock()
		defer l.mu.Unlock()
		for c, r := range claimed {
			delete(l.byCID, c)
			if err != nil {
				l.lay(c, r)
			}
		}
		if err != nil {
			return fmt.Errorf("dtls: sessions not deleted: %w", err)
		}
		return nil
	}
}

// expire deletes stored sessions whose lifetime is over, in one write.
func (l *Listener) expire(now time.Time) {
	l.mu.Lock()
	var over []cid
	for c, r := range l.stored {
		if now.Sub(r.since) > l.limits.IdleLifetime {
			over = append(over, c)
		}
	}
	if len(over) == 0 {
		l.mu.Unlock()
		return
	}
	end := l.dismiss(over...)
	l.mu.Unlock()
	l.finish([]func() error{end})
}

// wouldAccept tells whether a stored session may still be used: not when its key was
// withdrawn or replaced, or when no such session could be made any more.
func (c Config) wouldAccept(s secrets) bool {
	switch {
	case !slices.Contains(c.accepted(), s.suite):
		return false
	case s.suite.PSK():
		key, ok := c.Keys(s.identity)
		return ok && s.madeWith(key)
	default:
		return c.ClientCAs == nil || s.identity != ""
	}
}
