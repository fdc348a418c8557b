package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
)

// shelf keeps the updates that clients have not fetched, in a store:
//
//	sync/ID/stream  key, start, counts, user, given, and of each loan token and upto
//	sync/ID/NUMBER  next token, counts, body
//
// Each text has its length in front (uvarint). The zero value keeps nothing.
type shelf struct {
	store session.Store
	log   *slog.Logger
}

const (
	shelfPrefix = "sync/"
	streamKey   = "stream"
)

func placeOf(id, what string) string { return shelfPrefix + id + "/" + what }

func itemKey(number uint64) string { return fmt.Sprintf("%016x", number) }

// record is what is kept of a stream beside its updates.
type record struct {
	key, start, counts string
	user               txn.Digest
	given              uint64
	loans              []loan
}

func (r record) append(dst []byte) []byte {
	for _, text := range []string{r.key, r.start, r.counts, string(r.user[:]), itemKey(r.given)} {
		dst = appendText(dst, text)
	}
	for _, l := range r.loans {
		dst = appendText(appendText(dst, l.token), itemKey(l.upto))
	}
	return dst
}

// restore sets what a record says of a stream. Records of before there were loans end early.
func (s *stream) restore(value []byte) {
	in := texts{rest: value}
	number := func() (n uint64) {
		n, _ = strconv.ParseUint(in.next(), 16, 64)
		return n
	}
	s.key, s.start, s.counts = in.next(), in.next(), in.next()
	copy(s.user[:], in.next())
	s.given = number()
	for len(in.rest) > 0 && in.err == nil && len(s.loans) < maxLoans {
		s.loans = append(s.loans, loan{in.next(), number()})
	}
}

// put returns whether the update of a number is durable. Those before first are not
// needed any more.
func (s *shelf) put(id string, about record, first, number uint64, u update) bool {
	if s.store == nil {
		return false
	}
	changes := s.changes(id, about, first)
	changes[placeOf(id, itemKey(number))] = appendText(appendText(appendText(nil, u.next), u.counts), string(u.body))
	if err := s.store.Commit(changes); err != nil {
		s.log.Error("a pushed update was not stored", "err", err)
		return false
	}
	return true
}

// note stores what has changed of a stream beside its updates. Those before first are not
// needed any more.
func (s *shelf) note(id string, about record, first uint64) {
	if s.store == nil {
		return
	}
	if err := s.store.Commit(s.changes(id, about, first)); err != nil {
		s.log.Error("where a client stands was not stored", "err", err)
	}
}

// changes are those of the store that put and note have in common.
func (s *shelf) changes(id string, about record, first uint64) map[string][]byte {
	changes := map[string][]byte{placeOf(id, streamKey): about.append(nil)}
	keys, err := s.store.Keys(placeOf(id, ""))
	if err != nil {
		keys = nil // they are deleted another time
	}
	for _, k := range keys {
		if n, err := strconv.ParseUint(strings.TrimPrefix(k, placeOf(id, "")), 16, 64); err == nil && n < first {
			changes[k] = nil
		}
	}
	return changes
}

// drop forgets a stream.
func (s *shelf) drop(id string) {
	if s.store == nil {
		return
	}
	keys, err := s.store.Keys(placeOf(id, ""))
	if err != nil || len(keys) == 0 {
		return
	}
	changes := make(map[string][]byte, len(keys))
	for _, k := range keys {
		changes[k] = nil
	}
	if err := s.store.Commit(changes); err != nil {
		s.log.Warn("a stream of updates was not deleted", "err", err)
	}
}

// load returns the streams of an earlier life, and the last number of one.
func (s *shelf) load() (streams []*stream, last int) {
	if s.store == nil {
		return nil, 0
	}
	keys, err := s.store.Keys(shelfPrefix)
	if err != nil {
		s.log.Error("what was pushed before is lost", "err", err)
		return nil, 0
	}
	slices.Sort(keys) // a stream's items by their numbers
	byID := make(map[string]*stream)
	for _, k := range keys {
		id, what, _ := strings.Cut(strings.TrimPrefix(k, shelfPrefix), "/")
		value, err := s.store.Load(k)
		if n, bad := strconv.Atoi(id); err != nil || bad != nil || n <= 0 {
			continue
		} else {
			last = max(last, n)
		}
		st := byID[id]
		if st == nil {
			st = newStream(id, txn.Digest{}, "", "", "")
			byID[id] = st
		}
		if what == streamKey {
			st.restore(value)
			continue
		}
		number, err := strconv.ParseUint(what, 16, 64)
		u, ok := readItem(value)
		if err != nil || !ok {
			continue
		}
		if len(st.chain) == 0 {
			st.number = number
		}
		u.kept = true
		st.add(u)
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		st := byID[id]
		if st.key == "" {
			s.drop(id)
			continue
		}
		rest := 0
		for i, u := range st.chain { // newer than what stands beside the key
			if u.counts != "" {
				st.counts = u.counts
			}
			if u.next == st.start { // what comes before was to be deleted
				rest = i + 1
			}
		}
		st.chain, st.number = st.chain[rest:], st.number+uint64(rest)
		if len(st.chain) == 0 {
			st.number = st.given // what comes was not given yet
		}
		streams = append(streams, st)
	}
	return streams, last
}

func readItem(value []byte) (u update, ok bool) {
	in := texts{rest: value}
	u.next, u.counts, u.body = in.next(), in.next(), []byte(in.next())
	return u, in.err == nil && len(in.rest) == 0 && u.next != ""
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// texts is a cursor over texts with their lengths in front. After the first error all are
// empty.
type texts struct {
	rest []byte
	err  error
}

var errText = errors.New("observe: stored text not understood")

func (t *texts) next() string {
	n, size := binary.Uvarint(t.rest)
	if t.err != nil || size <= 0 || n > uint64(len(t.rest)-size) {
		t.err, t.rest = errText, nil
		return ""
	}
	text := t.rest[size : size+int(n)]
	t.rest = t.rest[size+int(n):]
	return string(text)
}
