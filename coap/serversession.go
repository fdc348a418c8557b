package coap

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// serverSession answers the requests of one session: it knows whose token each
// one bears.
type serverSession struct {
	*serving
	peer    Peer
	remote  net.Conn
	carrier lasting
	memory  keeper
	// number is that of Status.
	number uint64

	// link is what the session goes by.
	link atomic.Pointer[serverLink]

	mu sync.Mutex
	// gateway: the peer said that it is a coapgw; met: at what level; told: with a
	// link, by which the session goes.
	gateway, met, told bool
	slots              serverSlots
	// sticky is the last access token of a peer that is no coapgw.
	sticky string
	// integerKeys: the peer has shown that it knows them.
	integerKeys bool
	// tag is the entity-tag of the last notification that took several blocks.
	tag uint32
	// wake tells the message layer what an earlier life knew; nil when there is nothing to
	// tell.
	wake func(*endpoint.Conn)
	// observers are what the peer observes in the pushed form.
	observers observers
	// streams are the room streams that the peer observes, by the token of the observation.
	streams map[string]*roomStream
	// streaming has registrations for room streams wait for each other: one may take over
	// the stream of the one before.
	streaming sync.Mutex
	// begun are the requests that must not be executed twice.
	begun begunRequests
	// agreed2 is what was agreed of version 2, nil for nothing, and server2 how that is
	// written.
	agreed2 *agreement
	server2 *wire2.Server
	// apart2: it was said that nothing could be agreed.
	apart2 bool
	// gathered is how many bytes of request bodies wait in memory to be converted, and
	// converted how many were and are in memory as JSON. converting is held by the request
	// that is.
	gathered, converted int64
	converting          sync.Mutex
}

func newServerSession(s *serving, peer Peer, remote net.Conn) *serverSession {
	carrier := lastingOf(remote)
	session := &serverSession{serving: s, peer: peer, remote: remote, carrier: carrier}
	session.link.Store(s.link)
	session.memory = keeper{to: carrier, log: s.log, encode: session.encodeState}
	return session
}

// wakeUp is called before anything else is done with the message layer: when it begins, or
// at the first request, which may be earlier. s.mu is held.
func (s *serverSession) wakeUp(c *endpoint.Conn) {
	if s.wake != nil {
		s.wake(c)
		s.wake = nil
	}
}

// serve runs the http.Handler for a request and makes the response.
func (s *serverSession) serve(ctx context.Context, r *endpoint.Request, a admission) *endpoint.Response {
	if a.refuse == nil && a.probe {
		a.refuse = &endpoint.Response{Code: endpoint.Valid}
	}
	if a.refuse == nil {
		a.refuse = s.remember(r)
	}
	if a.refuse != nil {
		return a.sign(a.unread(a.refuse))
	}
	if r.Observe == endpoint.ObserveDeregister && a.audience.gateway && r.Code == endpoint.FETCH && r.Size == 0 {
		return a.sign(&endpoint.Response{Code: endpoint.Content}) // the token says it all
	}
	if room, ok := streamOf(r, &a); ok {
		return a.sign(s.stream(ctx, r, room, a))
	}
	coded := codedSize(r.Options, r.Size)
	whole := a.call != nil || isCBOR(r)
	if whole {
		defer s.gather(r)()
	}
	if err := s.watchKeys(r, &a.audience); err != nil {
		return a.sign(s.failure(unreadable(err), a.audience))
	}
	req, err := s.decode(ctx, r, a.call)
	if err == nil && whole {
		var release func()
		if release, err = s.hold(req.ContentLength); err == nil {
			defer release()
		}
	}
	if err != nil {
		return a.sign(s.notRead(err, a))
	}
	a.read()
	if s.NoTokens && hasCredentials(req.Header) {
		return a.sign(s.failure(errNoTokens(), a.audience))
	}
	r.SetLabel(label(req.Method, req.URL.EscapedPath()))
	defer s.book.begin(RequestStatus{Session: s.number, RequestName: RequestName{Method: req.Method, Path: req.URL.EscapedPath()}})()
	s.book.carried(content(plainSize(req), coded), Content{})
	r.Priority, r.Flow = priorityOf(req.Method, req.URL), endpoint.Flow(a.slot)
	if a.token != "" && validFieldValue(a.token) {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	a.audience.head, a.audience.download = req.Method == http.MethodHead, isDownload(req.URL.Path)
	if a.audience.gateway && req.Method == http.MethodGet {
		a.audience.tag = askedTag(r)
	}
	peer := s.peer
	peer.Addr, peer.Link = s.remote.RemoteAddr(), s.link.Load().profile
	req.RemoteAddr = peer.Addr.String()
	req = req.WithContext(context.WithValue(ctx, peerKey{}, peer))
	switch {
	case pushes(r, req, &a):
		return a.sign(s.push(r, req, a))
	case r.Observe == endpoint.ObserveRegister && isSync(req):
		return a.sign(s.observe(r, req, a))
	case r.Observe == endpoint.ObserveDeregister && isSync(req):
		// The message layer has ended the observation (RFC 7641 §3.6). Whoever
		// leaves wants no other /sync, which the homeserver might hold for long.
		return a.sign(&endpoint.Response{Code: endpoint.Content})
	}
	if a.audience.gateway && isSync(req) {
		return a.sign(s.orRestart(s.runSync(req, &a), req))
	}
	return a.sign(s.orRestart(s.run(req, a.audience), req))
}

// runSync is run for a /sync of a client that may register for what follows.
func (s *serverSession) runSync(req *http.Request, a *admission) *endpoint.Response {
	got, problem := s.call(req)
	if problem != nil {
		return s.failure(problem, a.audience)
	}
	if got.status == http.StatusOK {
		if _, state, err := s.readSync(&got); err == nil {
			s.learnCounts(a.slot, state.counts)
		}
	}
	return s.respond(got, a.audience)
}

// watchKeys looks whether the body of a foreign client shows that it knows integer
// keys: only then are they used towards it.
func (s *serverSession) watchKeys(r *endpoint.Request, to *audience) error {
	format, ok := r.Options.GetUint(endpoint.ContentFormat)
	if !to.stringKeys || !ok || format != formatCBOR || r.Body == nil {
		return nil
	}
	data, rest, err := readUpTo(r.Body, r.Size, s.mapping().maxJSON)
	if err != nil || rest != nil {
		r.Body = rest
		return err
	}
	r.Body, r.Size = bytes.NewReader(data), int64(len(data))
	if cborcodec.HasIntegerKeys(data) {
		to.stringKeys = false
		s.mu.Lock()
		s.integerKeys = true
		s.memory.changed()
		s.mu.Unlock()
	}
	return nil
}

// failure makes the response for an error of ours.
func (s *serverSession) failure(problem *Error, to audience) *endpoint.Response {
	s.log.Debug("request refused", "peer", s.peer.Identity, "status", problem.Status, "err", problem)
	resp, err := s.mapping().encodeResponse(errorAnswer(problem), to)
	if err != nil {
		return &endpoint.Response{Code: endpoint.InternalServerError}
	}
	return resp
}
