package coap

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

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
	quotas             quotas
	mu                 sync.Mutex
	stopping, refusing bool
	sessions           map[*endpoint.Conn]*serverSession
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
	quota := s.quotas.join(peer.Identity)
	var c *endpoint.Conn
	over := func() {
		s.mu.Lock() // c is set once it is free
		delete(s.sessions, c)
		s.mu.Unlock()
		go func() {
			defer ended.Done()
			c.Wait()
			s.book.over(handler.number)
			s.quotas.leave(peer.Identity)
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
		Quota:         quota,
		Paths:         pathsOf(conn),
		Recover:       s.Recover,
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
