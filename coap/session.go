package coap

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// session is one CoAP session of a Transport, and what both of its ends know.
type session struct {
	conn    *endpoint.Conn
	carrier lasting
	profile link.Profile
	// hello tells the peer who we are and what our link is.
	hello  []byte
	memory keeper
	// noTokens: requests bear no token, and need not say so.
	noTokens bool

	mu   sync.Mutex
	kind PeerKind
	// agreed: a request with hello was answered by a coapgw, which goes by the link
	// theirs, in its wire form, and has refused ours or not.
	agreed, refused bool
	theirs          []byte
	// known is closed when kind is no longer PeerUnknown.
	known chan struct{}
	// probing holds an item while somebody asks the peer who it is.
	probing chan struct{}
	// claimed says that requests bearing token (or none, when it is empty) were
	// sent while the peer was unknown or foreign: only such may follow, because a
	// foreign server applies the last token to whatever comes without one
	// (MSC3079, "Access tokens").
	claimed bool
	token   string
	// answered: a request that carried options 256 and 257 was answered, so that
	// a foreign server has stored them.
	answered bool
	// refusesVersion: the peer answered 4.02, most likely to option 257.
	refusesVersion bool
	slots          clientSlots
	// resettable: the server has given a token by which it can end the session.
	resettable bool
	// version2 is what this end has of it, nil for nothing; agreed2 what both ends have
	// agreed on, and client2 how that is written. offered: the peer has answered an offer.
	version2 *Version2
	agreed2  *agreement
	client2  *wire2.Client
	offered  bool
	// way is what is stored of the way to the peer.
	way endpoint.Mapping
	// silence counts the exchanges that timed out since the last answer.
	silence int
	// users counts exchanges under way; a session that was given up is closed
	// when the last one ends.
	users   int
	givenUp bool
}

func newSession(conn *endpoint.Conn, carrier lasting, profile link.Profile, log *slog.Logger) *session {
	s := &session{
		conn: conn, carrier: carrier, profile: profile, hello: clientHello(profile),
		known: make(chan struct{}), probing: make(chan struct{}, 1),
	}
	s.memory = keeper{to: carrier, log: log, encode: s.encodeState}
	return s
}

// enter counts an exchange; it fails when the session takes no new ones.
func (s *session) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.conn.Done():
		return false
	default:
	}
	if s.givenUp {
		return false
	}
	s.users++
	return true
}

// leave ends an exchange.
func (s *session) leave() {
	s.mu.Lock()
	s.users--
	last := s.givenUp && s.users == 0
	s.mu.Unlock()
	if last {
		_ = s.conn.Close()
	}
}

// giveUp lets no new exchange begin and closes the session once none is left.
func (s *session) giveUp() {
	s.mu.Lock()
	idle := s.users == 0
	s.givenUp = true
	s.mu.Unlock()
	if idle {
		_ = s.conn.Close()
	}
}

// alive reports whether new exchanges may begin.
func (s *session) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.conn.Done():
		return false
	default:
		return !s.givenUp
	}
}

// claim asks to send a request with this token and returns the kind of the peer.
// ok is false when the token may not be used on this session, or not yet.
func (s *session) claim(token string) (kind PeerKind, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind == PeerGateway {
		return s.kind, true
	}
	if !s.claimed {
		s.claimed, s.token = true, token
	}
	return s.kind, s.token == token
}

// identify finds out the kind of the peer: it asks, with a request that costs a dozen
// bytes and that no foreign server takes for more than a GET of its root, or waits
// for who asks already. When that one gives up, the next one asks.
func (s *session) identify(ctx context.Context) error {
	select {
	case <-s.known:
		return nil
	case s.probing <- struct{}{}:
		defer func() { <-s.probing }()
	case <-s.conn.Done():
		return endpoint.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.peer() != PeerUnknown { // found out while we waited for our turn
		return nil
	}
	// Option 257 goes along to see whether the peer refuses it.
	resp, err := s.conn.Do(ctx, &endpoint.Request{
		Code:    endpoint.GET,
		Options: endpoint.Options(nil).AddUint(OptionVersion, wireVersion).Add(OptionGateway, nil),
	})
	if err != nil {
		return err
	}
	_ = closeBody(resp.Body)
	if resp.Code == endpoint.ServiceUnavailable && untold(resp) {
		return &Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: "the gateway at the other end is busy"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusesVersion = s.refusesVersion || resp.Code == endpoint.BadOption
	s.settle(resp)
	if hello, ok := resp.Options.Get(OptionGateway); ok && knowsLinks(hello) {
		s.conn.AnswersInquiries()
	}
	return nil
}

// acquaint finds out who the peer is when the answer to a first request, which would tell,
// takes long: a coapgw can be asked whether there will be one, while a peer of which nothing
// is known shows only that it lives, and the answer may have been given up. stop has to be
// called when the request is over.
func (s *session) acquaint(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		s.conn.Guard(func() {
			timer := time.NewTimer(s.profile.MaxTransmitWait())
			defer timer.Stop()
			select {
			case <-timer.C:
				_ = s.identify(ctx) // in vain where the link is away, which the request finds out
			case <-ctx.Done():
			}
		})
	})
	return func() {
		cancel()
		asking.Wait()
	}
}
