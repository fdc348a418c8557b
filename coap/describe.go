package coap

import (
	"net/http"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// Status returns what is known of the sessions at the moment. It costs more the more
// sessions and requests there are, and nothing when nobody asks.
func (t *Transport) Status() Status { return t.book.snapshot() }

// Status returns what is known of the sessions at the moment. It costs more the more
// sessions and requests there are, and nothing when nobody asks.
func (s *Server) Status() Status { return s.book.snapshot() }

// Renew has the next request begin a session of its own, with a handshake: the person
// believes that the present one is broken. What is under way may finish.
func (t *Transport) Renew() {
	t.mu.Lock()
	var all []*slotted
	for key, s := range t.sessions {
		select {
		case <-s.ready:
			delete(t.sessions, key)
			all = append(all, s)
		default: // it is being dialled
		}
	}
	t.mu.Unlock()
	for _, s := range all {
		s.retire()
	}
}

// NetworkChanged says that the way to the peer is another one, for instance since the device
// has gone from one network to the next: what waits for an answer, or for what the peer may
// send unasked, has the peer hear at once where this end is, and what was learnt of the way
// before is forgotten. It costs an empty message and its answer in each session that waits
// for something, and nothing in others.
func (t *Transport) NetworkChanged() {
	t.init()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	for _, s := range t.sessions {
		select {
		case <-s.ready:
			if s.session != nil {
				t.wg.Go(func() { s.conn.Moved(t.life) })
			}
		default: // it is being dialled
		}
	}
}

// describe adds what the session knows of itself.
func (s *session) describe(to *SessionStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.Address = s.conn.RemoteAddr().String()
	to.Peer = s.kind
	to.setVersion(s.kind != PeerUnknown, s.agreed2)
}

// describe adds what the session knows of itself.
func (s *serverSession) describe(to *SessionStatus) {
	to.Address = s.remote.RemoteAddr().String()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gateway:
		to.Peer = PeerGateway
	case to.Stats.Received.Datagrams > 0:
		to.Peer = PeerForeign
	}
	to.setVersion(to.Peer != PeerUnknown, s.agreed2)
}

func (s *SessionStatus) setVersion(known bool, a *agreement) {
	switch {
	case a != nil:
		s.Version, s.Format = 2, a.format.String()
	case known:
		s.Version = 1
	}
}

// size is the length of path, query and body in bytes, -1 where it is not known.
func (o *outgoing) size() int64 {
	n := int64(len(o.target.String()))
	switch p := &o.payload; {
	case p.json != nil:
		return n + int64(len(p.json))
	case p.data != nil:
		return n + int64(len(p.data))
	case p.body == nil:
		return n
	case p.size < 0:
		return -1
	default:
		return n + p.size
	}
}

// plainSize is the length of path, query and body in bytes, -1 where it is not known.
func plainSize(r *http.Request) int64 {
	if r.ContentLength < 0 {
		return -1
	}
	return int64(len(r.URL.RequestURI())) + r.ContentLength
}

// codedSize is the length of options and payload in bytes, -1 where it is not known.
func codedSize(opts endpoint.Options, payload int64) int64 {
	if payload < 0 {
		return -1
	}
	return int64(opts.EncodedSize()) + payload
}
