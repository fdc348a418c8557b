package coap

import (
	"context"
	"errors"
	"net"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// slotted is a session that exists or is being dialled.
type slotted struct {
	ready chan struct{} // closed when session or err is set
	*session
	err error
}

// maxForeignSessions bounds the sessions towards a foreign peer.
const maxForeignSessions = 64

// session returns a session, entered, on which the token may be used now.
func (t *Transport) session(ctx context.Context, token string) (*session, PeerKind, error) {
	for {
		s, err := t.open(ctx, sessionKey{})
		if err != nil {
			return nil, 0, err
		}
		kind, ok := s.claim(token)
		switch {
		case ok:
			return s, kind, nil
		case kind == PeerForeign:
			s.leave()
			s, err = t.open(ctx, sessionKey{own: true, token: token})
			if err != nil {
				return nil, 0, err
			}
			s.adopt(PeerForeign)
			if _, ok := s.claim(token); ok {
				return s, PeerForeign, nil
			}
			s.leave()
		default:
			err := s.identify(ctx)
			s.leave()
			if err != nil {
				return nil, 0, t.lose(s, err)
			}
		}
	}
}

// adopt sets the kind of the peer as another session found it.
func (s *session) adopt(kind PeerKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind == PeerUnknown {
		s.kind = kind
		close(s.known)
	}
}

// sessionKey names a session of a Transport: the main one, or that of one token
// towards a foreign peer.
type sessionKey struct {
	own   bool
	token string
}

// open returns the session of that name, entered, and dials it when there is none
// that lives.
func (t *Transport) open(ctx context.Context, key sessionKey) (*session, error) {
	for {
		t.mu.Lock()
		if t.closed {
			t.mu.Unlock()
			return nil, endpoint.ErrClosed
		}
		s := t.sessions[key]
		if s == nil || s.dead() {
			s = &slotted{ready: make(chan struct{})}
			t.place(key, s)
			t.wg.Add(1)
			go t.dial(s)
		}
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.ready:
		}
		if s.err != nil {
			return nil, dialError(s.err)
		}
		if s.enter() {
			return s.session, nil
		}
	}
}

// place stores a session under its name. When a foreign peer has too many of
// them, another is given up: it costs its user a handshake.
func (t *Transport) place(key sessionKey, s *slotted) {
	if t.sessions == nil {
		t.sessions = make(map[sessionKey]*slotted)
	}
	if len(t.sessions) > maxForeignSessions {
		for other, old := range t.sessions {
			if other.own && other != key && old.retire() {
				delete(t.sessions, other)
				break
			}
		}
	}
	t.sessions[key] = s
}

// dead reports whether a finished dial left nothing to use.
func (s *slotted) dead() bool {
	select {
	case <-s.ready:
		return s.err != nil || !s.alive()
	default:
		return false
	}
}

// is reports whether the dial is finished and has led to that session.
func (s *slotted) is(session *session) bool {
	select {
	case <-s.ready:
		return s.session == session
	default:
		return false
	}
}

// retire gives up a session that has been dialled; it reports whether it has.
func (s *slotted) retire() bool {
	select {
	case <-s.ready:
		if s.session != nil {
			s.giveUp()
		}
		return true
	default:
		return false
	}
}

func (t *Transport) dial(s *slotted) {
	defer t.wg.Done()
	defer close(s.ready)
	conn, err := t.dialled()
	if err != nil {
		t.book.failed()
		t.Log.Warn("no session with the peer", "err", err)
		s.err = err
		return
	}
	carrier := lastingOf(conn)
	kept, err := carrier.State()
	if err != nil {
		t.Log.Warn("what was known of the session is lost", "err", err)
	}
	// Close ends and awaits every session, one that was given up and is still in use
	// too.
	var stop func() bool
	number := t.book.number()
	t.wg.Add(1)
	over := func() {
		go func() {
			defer t.wg.Done()
			<-s.ready
			s.conn.Wait()
			t.book.over(number)
			stop()
		}()
	}
	// A session that is stored waits there for the next Transport.
	end := func() error {
		if t.life.Err() != nil {
			return carrier.Suspend()
		}
		return conn.Close()
	}
	c := endpoint.New(&watchedConn{conn, over, end}, endpoint.Config{
		Profile:       t.Profile,
		Side:          endpoint.SideConstrained,
		Overhead:      overhead(conn),
		MaxBody:       t.bodies.or(t.MaxBody),
		Lives:         carrier.Incarnation(),
		KnownCritical: criticalInResponse,
		Unanswered:    func() { t.unanswered(s.session) },
		Recover:       t.Recover,
		Log:           t.Log,
		Recorder:      t.Recorder,
		Session:       number,
	})
	s.session = newSession(c, carrier, t.Profile, t.Log)
	s.noTokens, s.version2 = t.NoTokens, t.Version2
	if err := s.restore(kept); err != nil {
		t.Log.Warn("the peer is asked anew who it is", "err", err)
	}
	t.book.open(&liveSession{
		number: number, lives: carrier.Incarnation(), conn: c, describe: s.describe,
	})
	c.SetMaxBody(t.bodies.or(t.MaxBody)) // which may have changed before it was in the book
	stop = context.AfterFunc(t.life, func() { _ = c.Close() })
}

// criticalInResponse reports whether a critical option is understood in a
// response: that of ours, and the one which a peer that does not know MSC3079
// refuses, because libcoap sends it back with its 4.02.
func criticalInResponse(n endpoint.OptionNumber) bool {
	return n == OptionEnvelope || n == OptionVersion
}

// overhead asks a connection what it adds to each datagram.
func overhead(conn net.Conn) int {
	if o, ok := conn.(interface{ Overhead() int }); ok {
		return o.Overhead()
	}
	return 0
}

// maxSilence is how many exchanges in a row may time out on a session whose server
// can tell that it has lost it. Most likely the link was down, and the handshake of
// another session would not have come through either.
const maxSilence = 3

// lose takes note that an exchange failed with err, and gives the session up if that
// says that it is lost. It returns the error to go on with.
func (t *Transport) lose(s *session, err error) error {
	if !sessionLost(err) {
		return err
	}
	if errors.Is(err, endpoint.ErrTimeout) && s.endures() {
		return err
	}
	deserted := s.deserted()
	if deserted { // who still waits on it waits in vain
		_ = s.conn.Close()
	}
	if deserted || errors.Is(err, endpoint.ErrClosed) {
		<-s.conn.Done() // then its place in the store is free for the next session
	}
	t.drop(s)
	return &lostError{err}
}

// unanswered is called when nothing has answered on a session that waits in silence. Where
// its server could not tell that it has lost it, that would stay unknown for as long as
// nothing is sent but such questions: the session is given up then, as it is with a request
// that has timed out, and what was observed on it is observed anew.
func (t *Transport) unanswered(s *session) {
	s.mu.Lock()
	endures := s.resettable
	s.mu.Unlock()
	if !endures {
		t.drop(s)
	}
}

// lostError is the failure of an exchange with which its session was given up:
// another session may help.
type lostError struct {
	err error
}

// Error implements error.
func (e *lostError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *lostError) Unwrap() error { return e.err }

// endures counts a timeout, and reports whether the session may live on.
func (s *session) endures() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silence++
	return s.resettable && s.silence < maxSilence
}

// deserted reports whether the peer has been silent for as long as no session endures.
func (s *session) deserted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silence >= maxSilence
}

// drop lets no new request use the session: the peer is silent or gone.
func (t *Transport) drop(s *session) {
	t.mu.Lock()
	for key, known := range t.sessions {
		if known.is(s) {
			delete(t.sessions, key)
		}
	}
	t.mu.Unlock()
	s.giveUp()
}
