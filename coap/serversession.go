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
	// gathered is how many bytes of request bodies wait in memory to be converted.
	gathered int64
}

func newServerSession(s *serving, peer Peer, remote net.Conn) *serverSession {
	carrier := lastingOf(remote)
	session := &serverSession{serving: s, peer: peer, remote: remote, carrier: carrier}
	session.link.Store(s.link)
	session.memory = keeper{to: carrier, log: s.log, encode: session.encodeState}
	return session
}

// admission is what was decided about a request in its order of arrival.
type admission struct {
	token    string
	slot     uint32 // of the token, 0 where the peer has none
	audience audience
	// hello is what the answer says of us, nil for nothing.
	hello []byte
	// reset is the reset token for the answer, nil for none.
	reset []byte
	// offer answers the peer's offer of version 2; nil says nothing of it.
	offer []byte
	// call is the request where it is of version 2, nil otherwise.
	call *wire2.Call
	// probe: the peer asks who this is and nothing else.
	probe bool
	// lost: the peer relies on what this end has forgotten.
	lost bool
	// refuse is set when the request must not be executed.
	refuse *endpoint.Response
}

// Admit implements endpoint.Handler. The token is decided here, in order of
// arrival, because a foreign client's request bears the token of an earlier one.
func (s *serverSession) Admit(r *endpoint.Request) func(context.Context) *endpoint.Response {
	a := s.admit(r)
	if a.lost { // the peer begins anew, where it tells everything
		_ = r.Conn.Close()
		return nil
	}
	return func(ctx context.Context) *endpoint.Response { return s.serve(ctx, r, a) }
}

// wakeUp is called before anything else is done with the message layer: when it begins, or
// at the first request, which may be earlier. s.mu is held.
func (s *serverSession) wakeUp(c *endpoint.Conn) {
	if s.wake != nil {
		s.wake(c)
		s.wake = nil
	}
}

func (s *serverSession) admit(r *endpoint.Request) admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	var a admission
	s.wakeUp(r.Conn)
	if !understood(r.Options) || s.NoTokens && r.Options.Has(OptionAccessToken) {
		a.refuse = &endpoint.Response{Code: endpoint.BadOption}
		return a
	}
	hello, announced := r.Options.Get(OptionGateway)
	if announced {
		var ok bool
		if a.hello, ok = s.meet(r.Conn, hello); !ok {
			a.refuse = refusal(controlLink)
			return a
		}
		if len(hello) > 0 {
			a.reset = resetToken(s.remote)
		}
		a.probe = len(hello) == 0 && r.Code == endpoint.GET && !r.Options.Has(endpoint.URIPath)
	}
	if v, has := r.Options.GetUint(OptionVersion); has {
		if v > wireVersion {
			a.refuse = &endpoint.Response{Code: endpoint.BadOption}
			return a
		}
		if !s.integerKeys {
			s.integerKeys = true
			s.memory.changed()
		}
	}
	if offer, has := r.Options.Get(OptionOffer); has && s.gateway && s.Version2 != nil {
		a.offer = s.agree2(offer)
	}
	if s.gateway && isVersion2(r) {
		if s.server2 == nil {
			a.refuse = refusal(controlVersion)
			return a
		}
		a.call = s.server2.Admit(r.Life())
	}
	a.audience.gateway = s.gateway
	if accept, has := r.Options.GetUint(endpoint.Accept); has {
		if !offers(r.Code, accept) {
			a.refuse = &endpoint.Response{Code: endpoint.NotAcceptable} // before anything is done
			return a
		}
		a.audience.accept, a.audience.accepts = accept, true
	}
	if s.gateway {
		a.audience.stringKeys = false
		var code controlCode
		a.slot, a.token, code = s.slotToken(r.Options, announced)
		if code != 0 {
			a.refuse = refusal(code)
		}
		return a
	}
	a.audience.stringKeys = !s.integerKeys
	if r.Options.Has(OptionSlot) || r.Options.Has(OptionMethod) || r.Options.Has(OptionEnvelope) {
		// Rules of ours from a peer that never said it knows them (RFC 7252
		// §5.4.1), unless that is what we lost with an earlier life.
		a.refuse = &endpoint.Response{Code: endpoint.BadOption}
		a.lost = s.carrier.Incarnation() > 0
		return a
	}
	if v, has := r.Options.Get(OptionAccessToken); has && len(v) > 0 { // empty is no token: elective, so ignored
		if token := tokenValue(v); token != s.sticky {
			s.sticky = token
			s.memory.changed()
		}
	}
	a.token = s.sticky
	return a
}

// refusal answers a request that is not executed.
func refusal(code controlCode) *endpoint.Response {
	return &endpoint.Response{
		Code:    endpoint.BadRequest,
		Options: endpoint.Options(nil).AddUint(OptionControl, uint32(code)),
	}
}

// slotToken returns the slot and the token that a request of a coapgw bears.
func (s *serverSession) slotToken(opts endpoint.Options, announced bool) (slot uint32, token string, code controlCode) {
	v, defines := opts.Get(OptionAccessToken)
	named := opts.Has(OptionSlot)
	number, _ := opts.GetUint(OptionSlot)
	switch {
	case named:
	case s.NoTokens:
		named = true // slot 0 is implied
	default:
		number = impliedSlot
	}
	switch {
	case defines:
		token := tokenValue(v)
		if number == anonymousSlot || number > maxSlot || !s.slots.define(number, token) {
			return number, "", controlSlotTaken
		}
		s.memory.changed()
		return number, token, 0
	case announced, named && number == anonymousSlot:
		// Before the peer is known a request says everything that it means.
		return number, "", 0
	}
	token, ok := s.slots.token(number)
	if !ok {
		return number, "", controlUnknownSlot
	}
	return number, token, 0
}

// tokenValue reads option 256, which peers send with or without "Bearer "
// (MSC3079).
func tokenValue(v []byte) string {
	if token, ok := bearer(string(v)); ok {
		return token
	}
	return string(v)
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
	defer s.gather(r, a.call != nil)()
	if err := s.watchKeys(r, &a.audience); err != nil {
		return a.sign(s.failure(unreadable(err), a.audience))
	}
	req, err := s.decode(r, a.call)
	if err != nil {
		return a.sign(s.notRead(err, a))
	}
	a.read()
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

// sign adds to an answer that this is a coapgw, for a peer that asks.
func (a admission) sign(resp *endpoint.Response) *endpoint.Response {
	if a.offer != nil {
		resp.Options = resp.Options.Add(OptionOffer, a.offer)
	}
	if a.hello != nil {
		resp.Options = resp.Options.Add(OptionGateway, a.hello)
		if a.reset != nil {
			resp.Options = resp.Options.Add(OptionReset, a.reset)
		}
	}
	return resp
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
