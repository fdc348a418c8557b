package coap

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
)

// Transport is an http.RoundTripper that carries each request over a CoAP
// session. One session serves all requests towards a coapgw; towards any other
// peer each access token gets a session of its own. The scheme and host of a
// request are not used: Dial decides where it goes.
//
// The exported fields must not change after the first request. Errors of
// RoundTrip are *Error, or the request context's own.
type Transport struct {
	// Dial opens a connection to the peer that keeps datagram boundaries and is
	// ready for use, security included. It is called for the first request and
	// whenever the session in use is lost, so it should resolve names each time.
	// Its result may have methods Overhead() int (bytes that each datagram grows
	// by).
	Dial func(ctx context.Context) (net.Conn, error)
	// Profile is the link; the zero value means link.Default.
	Profile link.Profile
	// FoldV3 sends /v3/ paths as r0 enums to a peer that is no coapgw.
	FoldV3 bool
	// MaxBody bounds a response body, in bytes; 0 means 64 MiB.
	MaxBody int64
	// Log receives what a person should know; nil discards it.
	Log *slog.Logger
	// Recorder receives the events of all sessions; nil discards them.
	Recorder trace.Recorder

	once    sync.Once
	mapping *Mapping
	// life ends when Close is called; dials run under it, because several
	// requests wait for one dial and none of them owns it.
	life context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	// sessions holds the main session, which carries all requests towards a
	// coapgw, and those of single tokens towards a foreign peer.
	sessions map[sessionKey]*slotted
}

// slotted is a session that exists or is being dialled.
type slotted struct {
	ready chan struct{} // closed when session or err is set
	*session
	err error
}

// maxForeignSessions bounds the sessions towards a foreign peer.
const maxForeignSessions = 64

func (t *Transport) init() {
	t.once.Do(func() {
		if t.Profile.AckTimeout == 0 {
			t.Profile = link.Default()
		}
		if t.Log == nil {
			t.Log = slog.New(slog.DiscardHandler)
		}
		t.mapping = NewMapping(MappingConfig{Profile: t.Profile, FoldV3: t.FoldV3})
		t.life, t.end = context.WithCancel(context.Background())
	})
}

// Close ends all sessions and waits for everything that Transport started.
func (t *Transport) Close() error {
	t.init()
	t.mu.Lock()
	t.closed = true
	open := t.sessions
	t.sessions = nil
	t.mu.Unlock()
	t.end()
	t.wg.Wait()
	for _, s := range open {
		if s.session != nil {
			_ = s.conn.Close()
			s.conn.Wait()
		}
	}
	return nil
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.init()
	if r.Body != nil {
		defer r.Body.Close()
	}
	out, err := t.mapping.prepareRequest(r)
	if err != nil {
		return nil, exchangeError(err)
	}
	token, _ := bearer(r.Header.Get("Authorization"))
	resp, err := t.exchange(r, out, token)
	if err != nil && idempotent(r.Method) && sessionLost(err) && r.Context().Err() == nil && out.payload.replayable() {
		// The other end may have lost the session while nobody looked.
		resp, err = t.exchange(r, out, token)
	}
	if err != nil {
		return nil, exchangeError(err)
	}
	return resp, nil
}

// sessionLost reports whether a new session may help.
func sessionLost(err error) bool {
	return errors.Is(err, endpoint.ErrClosed) || errors.Is(err, endpoint.ErrTimeout)
}

// idempotent reports whether a request may be sent again without harm (RFC 9110
// §9.2.2); Matrix adds transaction ids to those that would do some.
func idempotent(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodPut || method == ""
}

// exchange sends a request on the session that its token may use.
func (t *Transport) exchange(r *http.Request, out *outgoing, token string) (*http.Response, error) {
	ctx := r.Context()
	const tries = 4 // version refused, slot forgotten, and what the peer turned out to be
	for range tries {
		s, kind, err := t.session(ctx, token)
		if err != nil {
			return nil, err
		}
		resp, verdict, err := t.send(r, s, kind, out, token)
		sent := true
		if errors.Is(err, errNeedsGateway) {
			err = s.identify(ctx)
			verdict, sent = again, false
		}
		if errors.Is(err, errSlotsUsedUp) {
			t.drop(s)
			verdict, sent, err = again, false, nil
		}
		if err != nil {
			if sessionLost(err) {
				t.drop(s)
			}
			s.leave()
			return nil, err
		}
		if verdict == deliver {
			return resp, nil // leave is up to the body
		}
		s.leave()
		if sent && !out.payload.replayable() {
			break
		}
	}
	return nil, &Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the gateway at the other end refused the request"}
}

// send runs one exchange. With verdict deliver the response's body leaves the
// session when it is closed.
func (t *Transport) send(r *http.Request, s *session, kind PeerKind, out *outgoing, token string) (*http.Response, verdict, error) {
	req, err := out.encode(t.mapping, kind)
	if err != nil {
		return nil, deliver, err
	}
	sig, err := s.sign(req, kind, token)
	if err != nil {
		return nil, deliver, err
	}
	resp, err := s.conn.Do(r.Context(), req)
	if err != nil {
		return nil, deliver, err
	}
	if s.learn(resp, sig) == again {
		_ = closeBody(resp.Body)
		return nil, again, nil
	}
	answered, err := t.mapping.decodeResponse(resp, r, s.peer())
	if err != nil {
		_ = closeBody(resp.Body)
		return nil, deliver, err
	}
	answered.Body = &sessionBody{ReadCloser: answered.Body, session: s}
	return answered, deliver, nil
}

func (s *session) peer() PeerKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kind
}

// sessionBody leaves the session when the response body is closed.
type sessionBody struct {
	io.ReadCloser
	session *session
	once    sync.Once
}

func (b *sessionBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.session.leave)
	return err
}

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
				if sessionLost(err) {
					t.drop(s)
				}
				return nil, 0, err
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
	conn, err := t.Dial(t.life)
	if err != nil {
		t.Log.Warn("no session with the peer", "err", err)
		s.err = err
		return
	}
	s.session = newSession(endpoint.New(conn, endpoint.Config{
		Profile:       t.Profile,
		Overhead:      overhead(conn),
		MaxBody:       t.MaxBody,
		KnownCritical: criticalInResponse,
		Log:           t.Log,
		Recorder:      t.Recorder,
	}))
	if t.life.Err() != nil {
		_ = s.conn.Close()
	}
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

// drop lets no new request use the session: the peer is silent or gone.
func (t *Transport) drop(s *session) {
	t.mu.Lock()
	for key, known := range t.sessions {
		if known.session == s {
			delete(t.sessions, key)
		}
	}
	t.mu.Unlock()
	s.giveUp()
}
