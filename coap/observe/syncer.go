package observe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
)

// ErrClosed: the Syncer was closed while the request waited, or before.
var ErrClosed = errors.New("observe: syncer closed")

// Syncer is an http.RoundTripper that answers the polls of Matrix clients, GET /sync with a
// since, out of what the server pushes, and carries all other requests by Carry. It holds a
// poll as long as the client asks for and then answers that nothing is new, with the same
// token: an idle client costs nothing on the link.
//
// A client that comes back with the same since gets the same again, byte for byte, until it
// has come with a later one. What Syncer does not know a client's since to follow is asked
// of the homeserver. A poll that carries full_state, or has no since, goes on the link.
//
// Without a Store a notification is acknowledged when the client has come back for what
// follows it; one that does not come soon is rejected, and fetched again later. With one, it
// is acknowledged once it is there, and clients that were away find all of it.
//
// The exported fields must not change after the first request. Close it before what carries them.
type Syncer struct {
	// Carry carries all other requests, as RoundTrip of an http.RoundTripper. It is none, since
	// a program in which nobody calls that by an interface need not link http.Transport.
	Carry func(*http.Request) (*http.Response, error)
	// Source opens observations.
	Source Source
	// User names the user of a request, alike for all access tokens of a device: User of a
	// tokens.Lineage. Nil is txn.User, by which each token is another one's.
	User func(*http.Request) txn.Digest
	// Profile is the link; the zero value means link.Default.
	Profile link.Profile
	// Store keeps what clients have not fetched yet; nil for none.
	Store session.Store
	// Log receives what a person should know; nil discards it.
	Log *slog.Logger

	once sync.Once
	// shelf is where updates are kept.
	shelf shelf

	mu      sync.Mutex
	closed  bool
	retired bool
	life    *life
	streams []*stream
	last    int // number of the newest stream
}

const (
	// maxStreams bounds the streams of all users; the one that was polled longest ago gives
	// way.
	maxStreams = 64
	// maxAnswer bounds an answer to /sync that is looked into, in bytes.
	maxAnswer = 64 << 20
)

func (s *Syncer) init() {
	s.once.Do(func() {
		if s.Profile.AckTimeout == 0 {
			s.Profile = link.Default()
		}
		if s.User == nil {
			s.User = txn.User
		}
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		s.life = newLife()
		s.shelf = shelf{store: s.Store, log: s.Log}
		s.streams, s.last = s.shelf.load()
	})
}

// life is the time between two sleeps of a Syncer.
type life struct {
	context.Context
	end context.CancelFunc
	// keepers are the goroutines that see to observations.
	keepers sync.WaitGroup
}

func newLife() *life {
	ctx, end := context.WithCancel(context.Background())
	return &life{Context: ctx, end: end}
}

// Close ends all observations, without a word to the server, and waits for everything that
// Syncer started. Polls that wait fail with ErrClosed.
func (s *Syncer) Close() error {
	s.init()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Suspend(ErrClosed)
	return nil
}

// Retire has polls answered at once, those that wait and those that come, with what is there or
// that nothing is new. It is for a program that is about to end and should neither wait for
// its clients nor leave them without an answer. What has to go on the link still does.
func (s *Syncer) Retire() {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	for _, st := range s.streams {
		st.tell()
	}
}

// Suspend ends all observations, without a word to the server, and waits for everything that
// Syncer started: no timer of it runs then. Polls that wait fail with why. Those that come
// later begin anew, where the client is; what is pushed meanwhile is not acknowledged, and so
// not lost.
func (s *Syncer) Suspend(why error) {
	s.init()
	s.mu.Lock()
	over := s.life
	s.life = newLife()
	for _, st := range s.streams {
		st.err = why
		st.observation++
		st.tell()
		st.nudge()
	}
	s.mu.Unlock()
	over.end()
	over.keepers.Wait()
}

// RoundTrip implements http.RoundTripper. Errors are those of Carry and Source, the request
// context's own, or ErrClosed.
func (s *Syncer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.init()
	q, ok := read(r, s.User)
	if !ok {
		return s.Carry(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repay(q.user, q.since)
	if q.since != "" && !q.whole {
		if s.closed {
			return nil, ErrClosed
		}
		if st := s.find(q); st != nil && (st.observed() || !s.owes(q, st)) {
			return s.poll(r, q, st)
		}
		// Whatever the client asks for, the answer shows where it stands, and what is new
		// comes by an observation from then on.
		r = continuedFrom(r, q.since)
	}
	s.yield(q.user, q.since, nil)
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.through(r, q, nil)
}

// find returns the stream that a poll goes on with, nil for none. s.mu is held.
func (s *Syncer) find(q question) *stream {
	for _, st := range s.streams {
		if st.key == q.key && st.follow(q.since) {
			return st
		}
	}
	return nil
}

// poll answers a poll that goes on with a stream. s.mu is held, but while it waits.
func (s *Syncer) poll(r *http.Request, q question, st *stream) (*http.Response, error) {
	st.ask = r.Clone(context.WithoutCancel(r.Context()))
	if !st.observed() {
		s.yield(q.user, q.since, st)
	}
	if st.presence != q.presence {
		st.presence = q.presence
		st.nudge()
	}
	if st.bears != q.token { // renewed: what the one before has come to is not this one's
		if st.failed != nil && st.failed.status == http.StatusUnauthorized {
			st.failed = nil
		}
		st.bears = q.token
		st.nudge()
	}
	st.waiting++
	st.polled = time.Now()
	defer func() {
		st.waiting--
		st.polled = time.Now()
		st.nudge()
	}()
	st.err, st.unpushed = nil, false
	timer := time.NewTimer(q.timeout)
	defer timer.Stop()
	for {
		at, ok := st.place(q.since)
		switch {
		case s.closed:
			return nil, ErrClosed
		case !ok: // another poll of the same client has gone on, far from here
			return respond(r, http.StatusOK, nil, nothing(q.since, st.counts)), nil
		case at < len(st.chain):
			u := &st.chain[at]
			st.told = st.counts
			if u.counts != "" {
				st.told = u.counts
			}
			return respond(r, http.StatusOK, nil, u.body), nil
		case st.failed != nil:
			s.forget(st)
			return respond(r, st.failed.status, st.failed.header, st.failed.body), nil
		case st.err != nil:
			return nil, st.err
		case s.retired:
			return st.nothingNew(r, q), nil
		case !st.keeping && (st.unpushed || q.timeout == 0):
			return s.pass(r, q, st)
		case st.live && (q.timeout == 0 || st.told != st.counts):
			return st.nothingNew(r, q), nil
		}
		s.keep(st)
		changed := st.changed
		s.mu.Unlock()
		var err error
		over := false
		select {
		case <-changed:
		case <-timer.C:
			over = q.timeout > 0
		case <-r.Context().Done():
			err = r.Context().Err()
		}
		s.mu.Lock()
		switch at, ok := st.place(q.since); {
		case err != nil:
			return nil, err
		case over && ok && at == len(st.chain) && st.failed == nil && st.err == nil && !s.closed:
			return st.nothingNew(r, q), nil
		}
	}
}

// nothingNew is the answer of a poll that ends at tail.
func (st *stream) nothingNew(r *http.Request, q question) *http.Response {
	st.told = st.counts
	return respond(r, http.StatusOK, nil, nothing(q.since, st.counts))
}

// pass has a poll go on the link, while nothing is observed. s.mu is held, but while that
// takes.
func (s *Syncer) pass(r *http.Request, q question, st *stream) (*http.Response, error) {
	s.give(st, st.number+uint64(st.at))
	st.passing++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		st.passing--
		st.nudge()
	}()
	return s.through(r, q, st)
}

// through has Carry answer a poll, and remembers where the client will stand. Its stream is
// st, or else a new one.
func (s *Syncer) through(r *http.Request, q question, st *stream) (*http.Response, error) {
	resp, err := s.Carry(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	if len(body) == maxAnswer {
		resp.Body = longAnswer{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
		return resp, nil
	}
	_ = resp.Body.Close()
	if g, ok := GistOf(body); ok {
		s.mu.Lock()
		body = s.lend(q.user, q.since, g.NextBatch, body)
		s.begin(q, g, st)
		s.mu.Unlock()
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

// longAnswer is an answer that was not read to its end.
type longAnswer struct {
	io.Reader
	io.Closer
}

// begin notes where an answer from the link leads, in the stream st or else a new one. s.mu
// is held.
func (s *Syncer) begin(q question, g Gist, st *stream) {
	if st != nil {
		if g.NextBatch == st.tail() && g.Counts != "" {
			st.counts, st.told = g.Counts, g.Counts
		}
		st.after = &g
		return
	}
	for _, old := range s.streams {
		if _, ok := old.place(g.NextBatch); ok && old.key == q.key {
			return
		}
	}
	s.last++
	s.add(newStream(strconv.Itoa(s.last), q.user, q.key, g.NextBatch, g.Counts))
}

// add adds a stream; another gives way. s.mu is held.
func (s *Syncer) add(st *stream) {
	if len(s.streams) >= maxStreams {
		oldest := s.streams[0]
		for _, other := range s.streams {
			if other.waiting == 0 && other.polled.Before(oldest.polled) || oldest.waiting > 0 {
				oldest = other
			}
		}
		s.forget(oldest)
	}
	s.streams = append(s.streams, st)
}

// forget ends a stream. s.mu is held.
func (s *Syncer) forget(st *stream) {
	for i, other := range s.streams {
		if other == st {
			s.streams = append(s.streams[:i:i], s.streams[i+1:]...)
			st.nudge()
			st.tell()
			s.shelf.drop(st.id)
			return
		}
	}
}
