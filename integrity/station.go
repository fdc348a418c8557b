package integrity

import (
	"hash/fnv"
	"net"
	"slices"
	"time"
)

// Bounds of what a recorded hello, sent again by anyone, can make a server hold and do.
const (
	maxPending       = 4
	helloesPerSecond = 4
)

// station is what a server holds of one station: at most one session, and a few that
// were offered and not yet used. Guarded by the listener's lock.
type station struct {
	Station
	number byte
	keys   stationKeys
	place  *place

	// session is the one in use; resting tells that there is one in the store.
	session *Conn
	resting *restingSession
	// pending are answered hellos, the newest last.
	pending []pendingSession
	helloes bucket
}

// restingSession is a stored session that this process has not taken yet.
type restingSession struct {
	secrets  secrets
	counters counters
}

// pendingSession is a session that the station has not used: whether the hello came
// from it now, or was recorded, shows in its first record.
type pendingSession struct {
	secrets secrets
	welcome []byte
}

// numberStations gives each station a number that depends on its call sign as far as
// possible, so that it stays the same when others come and go and when the store is
// lost: a client that sends to a session which is gone is then told so by its own
// station's key. Stored sessions keep theirs.
func numberStations(stations []*station) {
	taken := map[byte]bool{}
	for _, st := range stations {
		if st.resting != nil && taken[st.resting.secrets.session] {
			st.resting = nil // the list was mixed with that of another store
		}
		if st.resting != nil {
			st.number = st.resting.secrets.session
			taken[st.number] = true
		}
	}
	byCall := slices.Clone(stations)
	slices.SortFunc(byCall, func(a, b *station) int { return slices.Compare([]byte(a.Call), []byte(b.Call)) })
	for _, st := range byCall {
		if st.number != 0 {
			continue
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(st.Call)) // never fails
		at := h.Sum32() % MaxStations
		for taken[firstSession+byte(at)] {
			at = (at + 1) % MaxStations
		}
		st.number = firstSession + byte(at)
		taken[st.number] = true
	}
}

// answer returns the welcome to an authentic hello, nil for none. One that comes again
// gets the same answer, so that it does not matter which one arrives.
func (st *station) answer(h hello, raw []byte, random func() nonce) []byte {
	for _, p := range st.pending {
		if p.secrets.client == h.nonce {
			return p.welcome
		}
	}
	if st.session != nil && st.session.secrets.client == h.nonce {
		return nil // a late copy: the station has had its answer
	}
	w := welcome{st.number, random()}
	p := pendingSession{newSecrets(st.Station, st.number, h.nonce, w.nonce), w.seal(st.keys.welcome, raw)}
	if len(st.pending) == maxPending {
		st.pending = slices.Delete(st.pending, 0, 1)
	}
	st.pending = append(st.pending, p)
	return p.welcome
}

// match returns the pending session that a record begins, and forgets those that were
// offered before it: what is late for them must not bring them back.
func (st *station) match(b []byte) (secrets, bool) {
	for i, p := range slices.Backward(st.pending) {
		if authentic(b, p.secrets.keys.up, nil) {
			st.pending = slices.Clone(st.pending[i+1:])
			return p.secrets, true
		}
	}
	return secrets{}, false
}

// hello answers a station that wants a session.
func (l *Listener) hello(b []byte, from net.Addr) {
	h, ok := parseHello(b)
	if !ok {
		l.stats.malformed.Add(1)
		return
	}
	st := l.byCall[h.call]
	if st == nil || !authentic(b, st.keys.hello, nil) {
		l.stats.refused.Add(1)
		if l.complaints.take(time.Now()) {
			l.warn("integrity: a hello with an unknown call sign or another key", "call", h.call, "known", st != nil)
		}
		return
	}
	l.mu.Lock()
	var answer []byte
	if st.helloes.take(time.Now()) {
		answer = st.answer(h, b, newNonce)
	}
	l.mu.Unlock()
	if answer != nil {
		_ = l.send(answer, from) // the station repeats its hello
	}
}

// record gives a datagram to the session of its number: the one in use, the one in the
// store, or one that was offered and begins with it.
func (l *Listener) record(b []byte, from net.Addr) {
	l.mu.Lock()
	st := l.byNumber[b[0]]
	var session *Conn
	if st != nil {
		session = st.session
	}
	l.mu.Unlock()
	switch r, ok := parseRecord(b); {
	case !ok:
		l.stats.malformed.Add(1)
	case session != nil && session.receive(b, from), st != nil && l.begin(st, session, r, b, from):
	default:
		l.stats.refused.Add(1)
		l.reset(st, r, b, from)
	}
}

// begin makes a session of the stored or offered one to which a record belongs, which is
// none of the session in use.
func (l *Listener) begin(st *station, used *Conn, r record, b []byte, from net.Addr) bool {
	l.waking.acquire()
	defer l.waking.release()
	l.mu.Lock()
	resting, session := st.resting, st.session
	l.mu.Unlock()
	if session != nil && session != used && session.receive(b, from) { // it was roused meanwhile
		return true
	}
	if resting != nil && authentic(b, resting.secrets.keys.up, nil) {
		if resting.counters.received.fresh(uint64(r.counter)) {
			if c := l.wake(st, *resting, from); c != nil {
				l.offer(c, b, from)
			}
		}
		return true
	}
	l.mu.Lock()
	s, ok := st.match(b)
	old := st.session
	l.mu.Unlock()
	if !ok {
		return false
	}
	if old != nil {
		old.replaced()
	}
	numbers := newLedger()
	numbers.peer = func() string { return storedAddr(from) }
	if st.place != nil {
		if err := st.place.begin(s, numbers); err != nil {
			l.warn("integrity: session given up", "station", st.Call, "error", err)
			return true
		}
	}
	l.offer(l.open(st, s, numbers, from), b, from)
	return true
}

// wake takes a session from the store; nil where that fails.
func (l *Listener) wake(st *station, resting restingSession, peer net.Addr) *Conn {
	numbers, err := st.place.take(resting.secrets, resting.counters)
	if err != nil {
		l.warn("integrity: stored session not resumed", "station", st.Call, "error", err)
		return nil
	}
	return l.open(st, resting.secrets, numbers, peer)
}

// open makes the session that a station uses from now on.
func (l *Listener) open(st *station, s secrets, numbers *ledger, peer net.Addr) *Conn {
	c := &Conn{
		below: l, server: true, call: st.Call, secrets: s, numbers: numbers,
		in: newInbox(), peer: peer,
	}
	numbers.peer = func() string { return storedAddr(c.RemoteAddr()) }
	l.mu.Lock()
	st.session, st.resting = c, nil
	l.mu.Unlock()
	l.log().Info("integrity: session", "station", st.Call, "peer", peer, "resumed", numbers.incarnation > 0)
	return c
}

// offer hands a session with its first record over.
func (l *Listener) offer(c *Conn, b []byte, from net.Addr) {
	c.receive(b, from)
	l.accepted.push(c)
}

// reset tells a station that its session is not there any more. What comes for one
// that is there, and is not authentic, gets no answer.
func (l *Listener) reset(st *station, r record, b []byte, from net.Addr) {
	if st == nil || len(b) < resetSize {
		return
	}
	l.mu.Lock()
	there := st.session != nil || st.resting != nil
	allowed := !there && l.resets.take(time.Now())
	l.mu.Unlock()
	if allowed {
		l.stats.resets.Add(1)
		_ = l.send(sealReset(r, tagOf(b), st.keys.reset), from) // the next record gets another
	}
}
