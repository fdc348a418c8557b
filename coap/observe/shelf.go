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
)

// shelf keeps the updates that clients have not fetched, in a store:
//
//	sync/ID/stream  key, start, counts
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
type record struct{ key, start, counts string }

// put returns whether the update of a number is durable. Those before first are not
// needed any more.
func (s *shelf) put(id string, about record, first, number uint64, u update) bool {
	if s.store == nil {
		return false
	}
	changes := map[string][]byte{
		placeOf(id, streamKey):       appendText(appendText(appendText(nil, about.key), about.start), about.counts),
		placeOf(id, itemKey(number)): appendText(appendText(appendText(nil, u.next), u.counts), string(u.body)),
	}
	keys, err := s.store.Keys(placeOf(id, ""))
	if err != nil {
		keys = nil // they are deleted another time
	}
	for _, k := range keys {
		if n, err := strconv.ParseUint(strings.TrimPrefix(k, placeOf(id, "")), 16, 64); err == nil && n < first {
			changes[k] = nil
		}
	}
	if err := s.store.Commit(changes); err != nil {
		s.log.Error("a pushed update was not stored", "err", err)
		return false
	}
	return true
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
			st = newStream(id, "", "", "")
			byID[id] = st
		}
		if what == streamKey {
			in := texts{rest: value}
			st.key, st.start, st.counts = in.next(), in.next(), in.next()
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
