package observe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	// grace is for how long an observation stays when nobody polls.
	grace = 10 * time.Minute
	// firstRetry and lastRetry bound the time from the answer to a registration to the next
	// one, where the observation has ended meanwhile, which doubles each time.
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// keep has a goroutine see to the observation of a stream, as long as somebody polls. s.mu
// is held.
func (s *Syncer) keep(st *stream) {
	if !st.keeping {
		st.keeping = true
		l := s.life
		l.keepers.Go(func() { s.keeper(l, st) })
	}
}

// keeper registers, again where the observation ends, and looks after it.
func (s *Syncer) keeper(l *life, st *stream) {
	pause := firstRetry
	var left Observation
	for {
		ask, number, ok := s.ready(l, st)
		if !ok {
			return
		}
		o, err := s.Source.Observe(ask, left, func(p Pushed) error { return s.deliver(st, number, p) })
		s.mu.Lock()
		if err != nil {
			if st.unpushed = errors.Is(err, ErrNotPushed); !st.unpushed {
				st.err = err
			}
			st.keeping, st.yielded = false, false
			st.tell()
			s.mu.Unlock()
			return
		}
		st.live = true
		st.tell()
		s.mu.Unlock()
		begun := time.Now() // on a slow link it takes minutes to register
		left = s.attend(l, st, o)
		s.mu.Lock()
		st.live = false
		fetch, called := st.fetch, st.fetch || st.register
		st.fetch, st.register = false, false
		s.mu.Unlock()
		if fetch {
			done, wanted := s.fetch(l, st)
			if !wanted {
				return
			}
			called = done
		}
		if called || left != nil {
			continue
		}
		if time.Since(begun) > lastRetry {
			pause = firstRetry
		}
		sleep(l, pause-time.Since(begun))
		pause = min(2*pause, lastRetry)
	}
}

// ready waits until a stream may register, and returns the request for it and the number of
// the observation; ok is false when nobody wants it any more, which ends its keeper.
func (s *Syncer) ready(l *life, st *stream) (ask *http.Request, number int, ok bool) {
	for {
		s.mu.Lock()
		if !s.wanted(st) || st.failed != nil || l.Err() != nil {
			st.keeping, st.yielded = false, false
			st.tell()
			s.mu.Unlock()
			return nil, 0, false
		}
		if st.passing == 0 && st.settled() && !st.full() {
			ask = continuedFrom(st.ask, st.tail()).WithContext(l)
			st.from, st.asked, st.yielded = st.tail(), st.bears, false
			st.observation++
			number = st.observation
			s.mu.Unlock()
			return ask, number, true
		}
		s.mu.Unlock()
		idle(l, st, nil, grace/10)
	}
}

// wanted reports whether somebody polls. s.mu is held.
func (s *Syncer) wanted(st *stream) bool {
	return !s.closed && slices.Contains(s.streams, st) && (st.waiting > 0 || time.Since(st.polled) < grace)
}

// idle waits for something to do, or for the end of an observation.
func idle(l *life, st *stream, o Observation, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var done <-chan struct{}
	if o != nil {
		done = o.Done()
	}
	select {
	case <-st.nudged:
	case <-done:
	case <-timer.C:
	case <-l.Done():
	}
}

// attend looks after an observation until it is over. It returns the observation if it was
// left without a word to the server.
func (s *Syncer) attend(l *life, st *stream, o Observation) (left Observation) {
	s.mu.Lock()
	presence := st.presence
	s.mu.Unlock()
	for {
		idle(l, st, o, grace/10)
		select {
		case <-o.Done():
			return nil
		case <-l.Done():
			return nil
		default:
		}
		s.mu.Lock()
		wanted := s.wanted(st)
		// Another observation takes over, to which what is still on its way here means
		// nothing: it goes on from elsewhere.
		anew := st.yielded || st.from != st.tail() || st.presence != presence || st.asked != st.bears || o.Renew() > 0 && o.Silence() >= o.Renew()
		s.mu.Unlock()
		switch {
		case !wanted:
			ctx, cancel := context.WithTimeout(l, s.Profile.MaxTransmitWait())
			defer cancel()
			_ = o.Cancel(ctx)
			return nil
		case anew:
			o.Leave()
			return o
		}
	}
}

// fetch makes a request for what is too long for a notification. It reports whether there was
// an answer, and whether anybody wants more.
func (s *Syncer) fetch(l *life, st *stream) (done, wanted bool) {
	ask, number, ok := s.ready(l, st)
	if !ok {
		return false, false
	}
	resp, err := s.Carry(ask)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		_ = resp.Body.Close()
	}
	if err != nil || resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		return false, true // the server will call for it again
	}
	g, ok := GistOf(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case st.from != st.tail(), st.observation != number: // the client has come by another way
	case resp.StatusCode != http.StatusOK || !ok:
		st.failed = &passing{resp.StatusCode, resp.Header, body}
		st.tell()
	case g.Empty:
		if g.Counts != "" {
			st.counts = g.Counts
			st.tell()
		}
	default:
		s.append(st, update{next: g.NextBatch, counts: g.Counts, body: body})
	}
	return true, true
}

// append adds an update, to the store too. s.mu is held, so that its place in the chain is
// that in the store.
func (s *Syncer) append(st *stream, u update) *update {
	first, number := st.number, st.number+uint64(len(st.chain))
	u.kept = s.shelf.put(st.id, st.record(), first, number, u)
	st.add(u)
	st.from = u.next
	return &u
}

var (
	// errGone rejects what nobody asks for any more.
	errGone = errors.New("observe: nobody observes")
	// errNotKept rejects what could not be kept safe.
	errNotKept = errors.New("observe: not kept")
	// errNoSync rejects what is no answer to a /sync.
	errNoSync = errors.New("observe: no answer to a sync")
)

// deliver takes a notification of the observation of that number.
func (s *Syncer) deliver(st *stream, number int, p Pushed) error {
	if p.Response == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if st.observation != number {
			return errGone
		}
		st.fetch, st.register = p.Fetch, p.Register
		return nil // and the observation is over
	}
	body, err := io.ReadAll(io.LimitReader(p.Response.Body, maxAnswer))
	if err != nil {
		return err
	}
	g, ok := GistOf(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed, st.observation != number, !slices.Contains(s.streams, st):
		return errGone
	case p.Response.StatusCode == http.StatusUnauthorized && st.asked != st.bears:
		return nil // the client has another access token by now, and so will the next one
	case p.Response.StatusCode != http.StatusOK:
		st.failed = &passing{p.Response.StatusCode, p.Response.Header, body}
		st.tell()
		return nil
	case !ok:
		return errNoSync
	case st.from != st.tail():
		return errGone
	case g.Empty:
		// Where it leads is no different from where the client stands.
		st.counts = g.Counts
		st.tell()
		return nil
	}
	if st.had(g.NextBatch) {
		return nil // sent again because our acknowledgement was lost
	}
	if st.full() {
		return errNotKept
	}
	if u := s.append(st, update{next: g.NextBatch, counts: g.Counts, body: body}); u.kept {
		return nil
	}
	return s.await(st, number, g.NextBatch)
}

// await waits until the client has come back for what follows a token, but not for so long
// that the server repeats itself. s.mu is held, but while it waits.
func (s *Syncer) await(st *stream, number int, token string) error {
	timer := time.NewTimer(s.Profile.AckTimeout)
	defer timer.Stop()
	for {
		at, ok := st.place(token)
		switch {
		case !ok || at <= st.at:
			return nil
		case st.observation != number || !slices.Contains(s.streams, st):
			return errGone
		}
		changed := st.changed
		s.mu.Unlock()
		var over bool
		select {
		case <-changed:
		case <-timer.C:
			over = true
		}
		s.mu.Lock()
		if over {
			return errNotKept
		}
	}
}
