package coap

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
)

// Transport is an http.RoundTripper that carries each request over a CoAP
// session. One session serves all requests towards a coapgw; towards any other
// peer each access token gets a session of its own. The scheme and host of a
// request are not used: Dial decides where it goes. A URL's Opaque that begins with a slash is
// the path to the byte, as for http.Transport.
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
	// NoTokens is for a link that everyone can read: requests with an Authorization
	// header are refused, and the others need not say that they bear no token. The
	// Server has to know, too.
	NoTokens bool
	// Version2 is what this end has of wire version 2; nil means version 1 alone.
	Version2 *Version2
	// FoldV3 sends /v3/ paths as r0 enums to a peer that is no coapgw.
	FoldV3 bool
	// MaxBody bounds a response body, in bytes; 0 means 64 MiB.
	MaxBody int64
	// Recover has a panic over what comes of the link end the session, of which requests then
	// fail with an *endpoint.PanicError, and not the program.
	Recover bool
	// Log receives what a person should know; nil discards it.
	Log *slog.Logger
	// Recorder receives the events of all sessions; nil discards them.
	Recorder trace.Recorder

	once    sync.Once
	book    book
	bodies  bodyLimit // see SetMaxBody
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

func (t *Transport) init() {
	t.once.Do(func() {
		if t.Profile.AckTimeout == 0 {
			t.Profile = link.Default()
		}
		if t.Log == nil {
			t.Log = slog.New(slog.DiscardHandler)
		}
		t.mapping = NewMapping(MappingConfig{Profile: t.Profile, Side: endpoint.SideConstrained, FoldV3: t.FoldV3})
		t.life, t.end = context.WithCancel(context.Background())
	})
}

// Close ends all sessions and waits for everything that Transport started.
func (t *Transport) Close() error {
	t.init()
	t.mu.Lock()
	t.closed = true
	t.sessions = nil
	t.mu.Unlock()
	t.end()
	t.wg.Wait()
	return nil
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.init()
	if r.Body != nil {
		defer r.Body.Close()
	}
	if t.NoTokens && hasCredentials(r.Header) {
		return nil, errNoTokens()
	}
	out, err := t.mapping.prepareRequest(r)
	if err != nil {
		return nil, exchangeError(err)
	}
	ended := t.book.begin(RequestStatus{RequestName: RequestName{Method: out.method, Path: out.path}})
	resp, err := t.exchange(r, out)
	for again := 0; again < maxAgain && worthAgain(err, again) && (idempotent(r.Method) || errors.Is(err, endpoint.ErrChallenged)) && r.Context().Err() == nil && out.payload.replayable(); again++ {
		resp, err = t.exchange(r, out)
	}
	if err != nil {
		ended()
		return nil, exchangeError(err)
	}
	resp.Body.(*sessionBody).ended = ended
	return resp, nil
}

// maxAgain bounds how often a request is made again after it was lost: a server may die
// again before it answers.
const maxAgain = 3

// maxRestarts bounds the restarts of its server that a request waits through: a long-poll
// lasts, and a server may be restarted often.
const maxRestarts = 20

// worthAgain reports whether to make a request again that failed, after that was done so
// often: its server has forgotten it, which it has told itself; or, once, the other end may
// have lost the session while nobody looked, the answer may have been given up while
// the link was away, or the server wants to see that the request is fresh.
func worthAgain(err error, times int) bool {
	var lost *lostError
	return errors.Is(err, endpoint.ErrForgotten) ||
		times == 0 && (errors.As(err, &lost) || errors.Is(err, endpoint.ErrUnanswered) || errors.Is(err, endpoint.ErrChallenged))
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
func (t *Transport) exchange(r *http.Request, out *outgoing) (*http.Response, error) {
	ctx, token := r.Context(), out.token
	// Version refused, slot forgotten, what the peer turned out to be, and tables and
	// formats of version 2 that it no longer knows.
	const tries = 6
	for left, restarts := tries, 0; left > 0; left-- {
		s, kind, err := t.session(ctx, token)
		if err != nil {
			return nil, err
		}
		if kind == PeerForeign && token == "" && out.loose != "" {
			s.leave()
			token = out.loose // a peer that knows no headers still gets the token
			continue
		}
		resp, verdict, err := t.send(r, s, kind, out, token)
		sent := true
		if errors.Is(err, errNeedsGateway) {
			err = s.identify(ctx)
			verdict, sent = again, false
		}
		if errors.Is(err, endpoint.ErrTooLarge) && out.loosen() {
			token, err = "", nil
			verdict, sent = again, false
		}
		if errors.Is(err, errSlotsUsedUp) {
			t.drop(s)
			verdict, sent, err = again, false, nil
		}
		if err != nil {
			err = t.lose(s, err)
			s.leave()
			return nil, err
		}
		if verdict == deliver {
			return resp, nil // leave is up to the body
		}
		s.leave()
		if verdict == restarted && restarts < maxRestarts {
			restarts++
			left = tries // what the next life has forgotten is to be told again
		}
		if sent && !out.payload.replayable() {
			break
		}
	}
	return nil, &Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the gateway at the other end refused the request"}
}

// send runs one exchange. With verdict deliver the response's body leaves the
// session when it is closed.
func (t *Transport) send(r *http.Request, s *session, kind PeerKind, out *outgoing, token string) (*http.Response, verdict, error) {
	req, x, err := t.encode(s, out, kind)
	if err != nil {
		return nil, deliver, err
	}
	coded := codedSize(req.Options, req.Size)
	sig, err := s.sign(req, kind, token)
	if err != nil {
		x.refused()
		return nil, deliver, err
	}
	req.Label = label(out.method, out.path)
	req.Patience = patience(r)
	req.Priority, req.Flow = priorityOf(r.Method, r.URL), endpoint.Flow(sig.slot)
	if kind == PeerUnknown {
		defer s.acquaint(r.Context())()
	}
	resp, err := s.conn.Do(r.Context(), req)
	if errors.Is(err, endpoint.ErrTooLarge) { // nothing was sent
		x.refused()
		return nil, deliver, err
	}
	if err != nil {
		x.giveUp(time.Now().Add(s.conn.Lifetime()))
		return nil, deliver, err
	}
	if resp.Code == endpoint.RequestEntityIncomplete {
		x.refused()
		// Never an answer of the homeserver, and no fault of the client's.
		_ = closeBody(resp.Body)
		return nil, deliver, &endpoint.BlockError{Code: resp.Code, Reason: "the peer has lost the transfer"}
	}
	verdict := s.learn(resp, sig)
	s.takeReset(resp)
	s.lookBack()
	_ = s.memory.keep() // a session that is not stored ends with the process
	if verdict != deliver {
		x.refused()
		_ = closeBody(resp.Body)
		return nil, verdict, nil
	}
	answered, err := t.decoded(s, resp, r, x)
	if errors.Is(err, wire2.ErrUnknown) {
		t.Log.Debug("the peer has lost the tables of the session")
		return nil, again, nil
	}
	if err != nil {
		_ = closeBody(resp.Body)
		return nil, deliver, err
	}
	t.book.carried(
		content(out.size(), coded),
		content(answered.ContentLength, codedSize(resp.Options, resp.Size)),
	)
	answered.Body = &sessionBody{ReadCloser: answered.Body, session: s}
	return answered, deliver, nil
}

const (
	// answerPatience is how long a homeserver may take for an answer: a first
	// sync of a large account takes minutes.
	answerPatience = 10 * time.Minute
	// pollMargin is how long a long-poll may overrun.
	pollMargin = 2 * time.Minute
)

// patience is how long to wait for the answer to a request that has arrived. The
// answer to a long-poll that is lost for good is not worth more: the client asks
// again and gets the same.
func patience(r *http.Request) time.Duration {
	if !isSync(r) {
		return answerPatience
	}
	query := r.URL.Query()
	timeout, err := strconv.ParseUint(query.Get("timeout"), 10, 31)
	if err != nil || query.Get("since") == "" {
		return answerPatience
	}
	return time.Duration(timeout)*time.Millisecond + pollMargin
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
	ended   func()
	once    sync.Once
}

func (b *sessionBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(func() {
		b.session.leave()
		b.ended()
	})
	return err
}
