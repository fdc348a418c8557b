package policy

import (
	"bytes"
	"container/list"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/txn"
)

// entry is an answer that is kept. Header and body are not changed.
type entry struct {
	key    string
	user   txn.Digest
	family string
	header http.Header
	body   []byte
	// until is when it has to be asked for again.
	until time.Time
	// total is how long the body is, in bytes, where it broke off; 0 where it is whole.
	total int64
	cost  int
}

// entryCost is what is charged for an answer beside key, head and body, in bytes.
const entryCost = 512

func newEntry(c *call, header http.Header, body []byte, until time.Time) *entry {
	e := &entry{key: c.key(), user: c.user, family: c.family, header: header, body: body, until: until}
	e.cost = entryCost + len(e.key) + len(body)
	for name, values := range header {
		for _, v := range values {
			e.cost += len(name) + len(v)
		}
	}
	return e
}

// response is the answer to r.
func (e *entry) response(r *http.Request) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: e.header.Clone(), Body: io.NopCloser(bytes.NewReader(e.body)), ContentLength: int64(len(e.body)), Request: r,
	}
}

// validator asks whether the answer still holds; empty where that cannot be asked.
func (e *entry) validator() string {
	v, _ := coap.EntityTag(strings.Join(e.header["Content-Type"], ", "), e.body)
	return v
}

// store keeps answers up to a number of bytes; those that were used the longest ago go
// first.
type store struct {
	max int // bytes; one answer may take a quarter

	mu      sync.Mutex
	entries map[string]*list.Element // of *entry
	order   list.List                // the last used one in front
	held    int                      // bytes of entries, and of answers that are being read
	// writes counts, for each part of the API, what may have changed it: an answer to what was
	// asked before is not kept.
	writes map[string]uint64
	// ends counts what ended tokens.
	ends uint64
}

// mark is a moment in the life of a store.
type mark struct{ writes, ends uint64 }

func (s *store) now(family string) mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return mark{s.writes[family], s.ends}
}

// get returns an answer and whether it may be given without asking.
func (s *store) get(key string, now time.Time) (e *entry, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.entries[key]
	if at == nil {
		return nil, false
	}
	s.order.MoveToFront(at)
	e = at.Value.(*entry)
	return e, e.total == 0 && now.Before(e.until)
}

// put keeps an answer that was asked for at m.
func (s *store) put(e *entry, m mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.cost > s.max/4 || m != (mark{s.writes[e.family], s.ends}) {
		return
	}
	if at := s.entries[e.key]; at != nil {
		s.remove(at)
	}
	if s.entries == nil {
		s.entries = make(map[string]*list.Element)
	}
	s.entries[e.key] = s.order.PushFront(e)
	s.held += e.cost
	for s.held > s.max && s.order.Len() > 0 {
		s.remove(s.order.Back())
	}
}

// remove forgets an answer. s.mu is held.
func (s *store) remove(at *list.Element) {
	e := s.order.Remove(at).(*entry)
	delete(s.entries, e.key)
	s.held -= e.cost
}

// wrote has everything asked for again that a write to a part of the API may have
// changed, whoever wrote it.
func (s *store) wrote(family string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writes == nil {
		s.writes = make(map[string]uint64)
	}
	if len(s.writes) >= maxFamilies && s.writes[family] == 0 {
		clear(s.writes)
		s.ends++ // nothing that is under way is kept
	}
	s.writes[family]++
	for at := s.order.Front(); at != nil; at = at.Next() {
		if e := at.Value.(*entry); e.family == family {
			again := *e // an answer that is being given keeps its own
			again.until = time.Time{}
			at.Value = &again
		}
	}
}

// maxFamilies bounds the parts of the API that are counted: a client may write to paths
// that do not exist.
const maxFamilies = 256

// forget drops everything of a user.
func (s *store) forget(user txn.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends++
	for at := s.order.Front(); at != nil; {
		next := at.Next()
		if at.Value.(*entry).user == user {
			s.remove(at)
		}
		at = next
	}
}

// clear drops everything.
func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends++
	for s.order.Len() > 0 {
		s.remove(s.order.Front())
	}
}

// reserve asks for room for n more bytes of an answer that is being read.
func (s *store) reserve(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held+n > s.max+s.max/4 { // a quarter more than what is kept, for what may replace it
		return false
	}
	s.held += n
	return true
}

// free gives room back.
func (s *store) free(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= n
}
