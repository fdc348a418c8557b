package coap

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
)

// Server hosts an http.Handler behind CoAP sessions. Its exported fields must not
// change after Serve.
type Server struct {
	// Handler answers the requests. A request's context tells the peer by
	// PeerFrom and ends when the peer gives up; its Authorization header is the
	// access token that the request bears by the rules of the link.
	Handler http.Handler
	// Profile is the link of peers that do not tell theirs; the zero value means
	// link.Default.
	Profile link.Profile
	// NoTokens is for peers that must not send access tokens, because everyone can
	// read the link: no request bears one, and those with option 256 are answered 4.02.
	NoTokens bool
	// Version2 is what this end has of wire version 2; nil means version 1 alone.
	Version2 *Version2
	// Bounds is what is granted of the links that peers tell; the zero value means
	// link.DefaultBounds.
	Bounds link.Bounds
	// MaxBody bounds a request body, in bytes; more is answered 4.13. It also bounds
	// what all bodies of one session that are converted take together, while they are being
	// received and then as JSON, until their requests are answered; what those of all sessions
	// take as JSON beyond 1 MiB each is bounded by four times as much. More is answered 5.03,
	// but for a body that is the only one. 0 means 64 MiB.
	MaxBody int64
	// MaxSessions bounds the sessions held at once; further ones are closed, or left to
	// the store where they are in one. 0 means 10,000. A listener that ends old sessions
	// in favour of new ones has a lower bound of its own: a session counts until all that
	// it had under way has ended.
	MaxSessions int
	// MaxRequests bounds the requests that one session has served at once; more
	// are answered 5.03. 0 means 64.
	MaxRequests int
	// Grace is how long Serve lets requests finish once its context has ended; 0
	// means not at all. Long-polls end at once on sessions that go on when the server is
	// back: their clients ask it again.
	Grace time.Duration
	// StreamKey returns a secret that belongs to the identity of a peer and lasts as long as
	// that, of which the marks in room streams are made (docs/wire-v1.md): so a client finds
	// its place again with another access token. Where it is nil or returns nothing, the
	// access token is used.
	StreamKey func(identity string) []byte
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
	// Recorder receives the events of all sessions; nil discards them.
	Recorder trace.Recorder

	book   book
	bodies bodyLimit // see SetMaxBody
}

const defaultMaxSessions = 10_000

// Peer is who sent a request.
type Peer struct {
	// Identity is what the peer proved to be: its PSK identity or the name of its
	// certificate. It is empty where the link proves nothing.
	Identity string
	// Addr is where its datagrams come from at the moment. It may be forged on an
	// insecure link, and changes: it names nobody.
	Addr net.Addr
	// Link is what the session goes by: what the peer has told, as far as it was
	// granted, or else the Server's Profile.
	Link link.Profile
}

type peerKey struct{}

// PeerFrom returns the peer whose request has this context.
func PeerFrom(ctx context.Context) (Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(Peer)
	return p, ok
}

// rouser is a listener that fetches sessions out of a store of which nothing has come.
type rouser interface {
	Rouse(wanted func(state []byte) bool)
}

// serving is one call of Serve.
type serving struct {
	*Server
	// rouses: the listener is a rouser.
	rouses bool
	// link is that of peers that do not tell theirs.
	link   *serverLink
	bounds link.Bounds
	log    *slog.Logger
	// running counts HTTP handlers and observations. Once stopping is set, and life
	// ends, only what sessions that outlive this server had admitted before begins; once
	// refusing is set, nothing does.
	running            sync.WaitGroup
	life               context.Context
	end                context.CancelFunc
	conversions        *conversions
	mu                 sync.Mutex
	stopping, refusing bool
	sessions           map[*endpoint.Conn]*serverSession
}

// Serve accepts sessions until ctx ends or the listener fails, then ends them. It
// returns when everything that it started has ended: nil after ctx, the
// listener's error otherwise. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	run := &serving{Server: s, bounds: s.Bounds, log: s.Log, sessions: make(map[*endpoint.Conn]*serverSession), conversions: newConversions()}
	if run.log == nil {
		run.log = slog.New(slog.DiscardHandler)
	}
	if run.bounds == (link.Bounds{}) {
		run.bounds = link.DefaultBounds()
	}
	profile := s.Profile
	if profile.AckTimeout == 0 {
		profile = link.Default()
	}
	run.link = newServerLink(profile, NewMapping(MappingConfig{Profile: profile, Side: endpoint.SideFar}))
	run.life, run.end = context.WithCancel(context.Background())
	var ended sync.WaitGroup
	rouser, rouses := l.(rouser)
	run.rouses = rouses
	accepted := make(chan error, 1)
	go func() { accepted <- run.accept(l, &ended) }()
	if rouses { // those who observe would wait in vain
		rouser.Rouse(observed)
	}
	var err error
	select {
	case err = <-accepted:
		run.stop()
		run.refuse()
		_ = l.Close()
	case <-ctx.Done():
		run.stop()
		run.drain(l)
		run.refuse()
		_ = l.Close() // not before: a listener may take its sessions with it
		<-accepted
	}
	run.closeAll()
	ended.Wait()
	run.running.Wait()
	return err
}

// accept starts a session for each connection.
func (s *serving) accept(l net.Listener, ended *sync.WaitGroup) error {
	limit := s.MaxSessions
	if limit <= 0 {
		limit = defaultMaxSessions
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() {
				s.log.Warn("a session was not accepted", "err", err)
				continue
			}
			return err
		}
		s.mu.Lock()
		full, stopping := len(s.sessions) >= limit, s.stopping
		s.mu.Unlock()
		if stopping {
			_ = lastingOf(conn).Suspend()
			continue
		}
		if full {
			s.book.refused()
			s.log.Warn("too many sessions", "limit", limit)
			_ = lastingOf(conn).Suspend() // one that is stored may come again
			continue
		}
		s.start(conn, ended)
	}
}

func (s *serving) start(conn net.Conn, ended *sync.WaitGroup) {
	peer := Peer{Identity: identity(conn), Addr: conn.RemoteAddr()}
	handler := newServerSession(s, peer, conn)
	handler.restore()
	handler.number = s.book.number()
	var c *endpoint.Conn
	over := func() {
		s.mu.Lock() // c is set once it is free
		delete(s.sessions, c)
		s.mu.Unlock()
		go func() {
			defer ended.Done()
			c.Wait()
			s.book.over(handler.number)
			s.log.Debug("session ends", "peer", peer.Identity)
		}()
	}
	s.log.Debug("session begins", "peer", peer.Identity, "addr", peer.Addr)
	ended.Add(1)
	s.mu.Lock()
	// A session that is stored waits there for the next life of this server.
	end := func() error {
		if s.life.Err() != nil {
			return handler.carrier.Suspend()
		}
		return conn.Close()
	}
	c = endpoint.New(&watchedConn{conn, over, end}, endpoint.Config{
		Profile:       s.link.profile,
		Side:          endpoint.SideFar,
		Handler:       handler,
		KnownCritical: knownCritical,
		Overhead:      overhead(conn),
		MaxBody:       s.bodies.or(s.MaxBody),
		MaxRequests:   s.MaxRequests,
		Paths:         pathsOf(conn),
		Log:           s.log,
		Recorder:      s.Recorder,
		Session:       handler.number,
	})
	s.book.open(&liveSession{
		number: handler.number, identity: peer.Identity, lives: handler.carrier.Incarnation(),
		conn: c, describe: handler.describe,
	})
	c.SetMaxBody(s.bodies.or(s.MaxBody)) // which may have changed before it was in the book
	s.sessions[c] = handler
	s.mu.Unlock()
	handler.mu.Lock()
	handler.wakeUp(c)
	handler.mu.Unlock()
	handler.takeUp(c)
}

// watchedConn tells when its session is over: it is closed then, once. So none of
// thousands of idle sessions needs a goroutine that waits for that.
type watchedConn struct {
	net.Conn
	over func()
	end  func() error
}

// Close implements net.Conn.
func (c *watchedConn) Close() error {
	c.over()
	return c.end()
}

// begin counts something that is about to run; it fails when the server stops.
func (s *serving) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.running.Add(1)
	return true
}

// stop lets nothing begin any more that was not admitted, and ends observations and what
// gives way.
func (s *serving) stop() {
	s.mu.Lock()
	s.stopping = true
	s.leave()
	s.mu.Unlock()
	s.end()
}

// drain waits for requests under way and their responses, at most Grace; then it closes
// l and all sessions. A listener stores thousands of sessions in one write, where each
// of them would take one of its own.
func (s *serving) drain(l net.Listener) {
	if s.Grace <= 0 {
		return
	}
	grace, cancel := context.WithTimeout(context.Background(), s.Grace)
	defer cancel()
	idle := make(chan struct{})
	drain := func() {
		for _, c := range s.open() {
			c.Drain(grace)
		}
	}
	go func() {
		defer close(idle)
		drain()
		s.refuse() // nobody can be about to begin
		s.running.Wait()
		drain()
	}()
	select {
	case <-idle:
	case <-grace.Done():
		_ = l.Close()
		s.closeAll()
		<-idle
	}
}

// open returns the sessions held at the moment.
func (s *serving) open() []*endpoint.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.sessions))
}

func (s *serving) closeAll() {
	for _, c := range s.open() {
		_ = c.Close()
	}
}

// identity asks a connection whom the handshake proved the peer to be.
func identity(conn net.Conn) string {
	if p, ok := conn.(interface{ PeerIdentity() string }); ok {
		return p.PeerIdentity()
	}
	return ""
}
