package observe

import (
	"net/http"
	"slices"
	"time"

	"github.com/coapgw/coapgw/coap/txn"
)

// stream is what one client is told by /sync, update by update: a chain of tokens. It is
// guarded by the Syncer's mu.
//
//	start ── chain[0] ── … ── chain[at-1] ── chain[at] ── … ── tail
//
// The client holds everything before at, as its last poll said. What follows it has not
// asked for yet. From tail on the server tells. What lies before at is kept for a while,
// because clients store their token now and then, and come back with one that is older.
type stream struct {
	id    string
	user  txn.Digest
	key   string
	start string
	chain []update
	at    int
	size  int // of the chain, in bytes
	// number is that of chain[0] in the store.
	number uint64
	// given is the number of the first update whose messages to the device were not given to
	// the client by another way, loans are those that may have been.
	given uint64
	loans []loan
	// past are tokens that were left behind, the newest last: a notification that leads to
	// one of them is a late copy.
	past []string
	// counts are what every answer repeats, as of tail; told is what the client was told of
	// them last.
	counts, told string
	// after is where an answer leads that the client was given from the link, if it comes
	// back for what follows.
	after *Gist
	// failed is the last answer, which was not 200; nil while there is none.
	failed *passing
	// err is why there is no observation: those who wait are told so.
	err error
	// unpushed: the server does not push, and polls go on the link.
	unpushed bool
	// passing counts the polls that are on the link. Nothing is observed meanwhile: what the
	// server pushes the homeserver forgets, and would leave out of their answers.
	passing int
	// live: an observation is registered.
	live bool

	// ask is the client's request, from which registrations are made.
	ask *http.Request
	// presence is what the client said last, and bears a hash of the access token with which it
	// did; asked is that of the observation.
	presence     string
	bears, asked txn.Digest
	// polled is when the client asked last, waiting how many of its polls are open.
	polled  time.Time
	waiting int
	// keeping: a goroutine sees to the observation; yielded: it is to end, since the user has
	// asked otherwise.
	keeping, yielded bool
	// changed is closed when anything did.
	changed chan struct{}
	// nudged has the keeper look after the observation.
	nudged chan struct{}
	// from is the token from which the observation goes on. It is tail, unless the client has
	// come by another way meanwhile.
	from string
	// observation counts those of the stream: what an earlier one still delivers is not heard.
	observation int
	// fetch and register are what the server has called for with its last notification.
	fetch, register bool
}

func newStream(id string, user txn.Digest, key, since, counts string) *stream {
	return &stream{
		id: id, user: user, key: key, start: since, counts: counts, told: counts,
		changed: make(chan struct{}), nudged: make(chan struct{}, 1), polled: time.Now(),
	}
}

// observed reports whether there is an observation, or about to be one.
func (s *stream) observed() bool { return s.keeping && !s.yielded }

// record is what is stored of a stream beside its updates.
func (s *stream) record() record {
	return record{key: s.key, start: s.start, counts: s.counts, user: s.user, given: s.given, loans: s.loans}
}

// tail is the token of the last update.
func (s *stream) tail() string {
	if n := len(s.chain); n > 0 {
		return s.chain[n-1].next
	}
	return s.start
}

// place reports how much of the chain lies before a token, if it is one of the chain.
func (s *stream) place(token string) (before int, ok bool) {
	if token == s.start {
		return 0, true
	}
	for i := range s.chain {
		if s.chain[i].next == token {
			return i + 1, true
		}
	}
	return 0, false
}

// follow reports whether the stream goes on from a client's since, and notes that the client
// holds everything before.
func (s *stream) follow(since string) bool {
	if at, ok := s.place(since); ok {
		s.at = at
		s.trim()
		s.tell()
		s.nudge()
		return true
	}
	if s.after == nil || s.after.NextBatch != since || s.tail() != s.token() || s.live || s.keeping {
		return false
	}
	for i := range s.chain {
		s.leave(s.chain[i].next)
	}
	s.leave(s.start)
	s.number += uint64(len(s.chain))
	s.start, s.chain, s.at, s.size = since, nil, 0, 0
	if s.after.Counts != "" {
		s.counts, s.told = s.after.Counts, s.after.Counts
	}
	s.after = nil
	return true
}

// token is where the client is.
func (s *stream) token() string {
	if s.at == 0 {
		return s.start
	}
	return s.chain[s.at-1].next
}

// Bounds of what is kept of a stream, behind the client and before it.
const (
	maxBehind     = 64
	maxBehindSize = 256 << 10 // bytes
	maxAhead      = 256
	maxChainSize  = 4 << 20 // bytes
	maxPast       = 32
)

// trim forgets what is too far behind the client.
func (s *stream) trim() {
	size := 0
	for i := s.at - 1; i >= 0; i-- {
		size += len(s.chain[i].body)
		if s.at-i <= maxBehind && size <= maxBehindSize {
			continue
		}
		s.leave(s.start)
		for _, u := range s.chain[:i] {
			s.leave(u.next)
		}
		for _, u := range s.chain[:i+1] {
			s.size -= len(u.body)
		}
		s.start, s.number = s.chain[i].next, s.number+uint64(i)+1
		s.chain, s.at = slices.Clone(s.chain[i+1:]), s.at-i-1
		return
	}
}

func (s *stream) leave(token string) {
	s.past = append(s.past, token)
	if len(s.past) > maxPast {
		s.past = s.past[1:]
	}
}

// had reports whether an update that leads to a token is a copy of an earlier one.
func (s *stream) had(token string) bool {
	_, ok := s.place(token)
	return ok || slices.Contains(s.past, token)
}

// add appends an update.
func (s *stream) add(u update) {
	if u.counts != "" {
		s.counts = u.counts
	}
	s.chain = append(s.chain, u)
	s.size += len(u.body)
	s.tell()
}

// tell wakes those who wait for something to change.
func (s *stream) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// nudge wakes the keeper.
func (s *stream) nudge() {
	select {
	case s.nudged <- struct{}{}:
	default:
	}
}

// settled reports whether everything up to tail is safe, so that the server may be told.
func (s *stream) settled() bool {
	for i := s.at; i < len(s.chain); i++ {
		if !s.chain[i].kept {
			return false
		}
	}
	return true
}

// full reports whether the client has to come for what there is before there can be more.
func (s *stream) full() bool { return len(s.chain)-s.at >= maxAhead || s.size >= maxChainSize }
