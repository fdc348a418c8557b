package coap

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/observe"
)

// Between two coapgw an observation of /sync carries nothing that would have to be fetched
// block by block: a notification is one datagram, or the word that there is something to
// ask for. So its acknowledgement covers all of it, and a long update travels like any
// other response (RFC 9177). Neither has the answer to the registration any content, for
// nothing acknowledges it: it is 2.03, and what is new by then is the first notification.
// The since of a registration says what the client holds.

// pushes reports whether a request registers for the pushed form of /sync.
func pushes(r *endpoint.Request, req *http.Request, a *admission) bool {
	return r.Observe == endpoint.ObserveRegister && a.call != nil && isSync(req) && req.URL.Query().Get("since") != ""
}

// push registers the peer for what follows the since of a /sync.
func (s *serverSession) push(r *endpoint.Request, req *http.Request, a admission) *endpoint.Response {
	registered := &endpoint.Response{Code: endpoint.Valid}
	left, _ := r.Options.Get(OptionInstead)
	s.endObservers(func(tok []byte) bool { return lifeOf(tok) != r.Life() || string(tok) == string(left) })
	if !s.begin() {
		if s.carrier.Durable() {
			return refusal(controlRestart)
		}
		return s.failure(errBusy(), a.audience)
	}
	o, err := r.StartObservation()
	if err != nil {
		s.running.Done()
		return s.failure(&Error{Status: http.StatusServiceUnavailable, ErrCode: "M_LIMIT_EXCEEDED", Message: "too many observations of this session"}, a.audience)
	}
	s.addObserver(o)
	if err := s.memory.keep(); err != nil {
		o.End() // it would not outlive this process, and the peer relies on that
		s.running.Done()
		return s.failure(&Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: "the gateway cannot write to its store of sessions"}, a.audience)
	}
	if !s.carrier.Durable() || !s.rouses {
		registered.Options = registered.Options.AddUint(endpoint.MaxAge, uint32(forgetful/time.Second))
	}
	req = req.WithContext(context.WithValue(s.life, peerKey{}, s.peer))
	held := observe.Update{NextBatch: req.URL.Query().Get("since"), Counts: s.countsOf(a.slot)}
	go func() {
		defer s.running.Done()
		defer s.dropObserver(o)
		r.Conn.Guard(func() {
			r.Conn.ProvePath(req.Context())
			s.keepWay()
			told := &observe.Told{}
			patience := observe.Patience{Retry: s.maxTransmitWait(), Own: ownWait(s.link.Load().profile)}
			err := observe.Push(req.Context(), o, held, patience, func(ctx context.Context, since string) (observe.Update, error) {
				return s.poll(continued(ctx, req, since), r.Conn.Whole(), &a, told)
			})
			s.log.Debug("a pushed sync ends", "peer", s.peer.Identity, "err", err)
		})
	}()
	return registered
}

// keepWay stores where the peer is, if that has changed: an observer that has been silent
// since is called up there by the next life of this server.
func (s *serverSession) keepWay() {
	way := s.remote.RemoteAddr().String()
	s.mu.Lock()
	known := s.observers.way == way
	s.observers.way = way
	s.mu.Unlock()
	if !known {
		s.memory.changed()
		_ = s.memory.keep() // where that fails, the peer asks anew in time
	}
}

// forgetful is after what silence the observer of a server that has no store asks anew
// (RFC 7641 §3.3.1), or of one that cannot reach a client before it is heard: such a server
// forgets its observers when it is restarted, and cannot tell them.
const forgetful = 15 * time.Minute

func (s *serverSession) maxTransmitWait() time.Duration {
	return s.link.Load().profile.MaxTransmitWait()
}

// poll asks the homeserver once, for an observer that was told what told says, and whose
// notifications take so many bytes.
func (s *serverSession) poll(req *http.Request, room int, a *admission, told *observe.Told) (observe.Update, error) {
	got, problem := s.call(req)
	switch {
	case problem != nil:
		return observe.Update{}, problem
	case got.status >= 500 || got.status == http.StatusTooManyRequests:
		_ = closeBody(got.body)
		return observe.Update{}, &Error{Status: got.status, ErrCode: "M_UNKNOWN", Message: "the homeserver does not answer a /sync at the moment"}
	}
	u, said, err := s.update(&got, told)
	if err != nil { // too large to be read here, or no answer to a /sync at all
		_ = closeBody(got.body)
		u.Empty = false
		u.Tell = func(string) observe.Word { return fetchWord() }
		return u, nil
	}
	u.Tell = func(since string) observe.Word {
		s.keepWay()
		if got.status == http.StatusOK {
			s.learnCounts(a.slot, u.Counts)
		}
		w := s.word(got, room, a, since)
		done := w.Done
		w.Done = func(acknowledged bool) {
			if acknowledged {
				told.Learn(said)
			}
			done(acknowledged)
		}
		return w
	}
	return u, nil
}

// word makes the notification of an answer, for a peer that holds everything up to since, in
// at most so many bytes.
func (s *serverSession) word(got answer, size int, a *admission, since string) observe.Word {
	to, done := a.notification(since, size)
	resp := s.respond(got, to)
	var payload []byte
	fits := resp.Size <= int64(size)
	if fits && resp.Body != nil {
		var err error
		payload, err = io.ReadAll(io.LimitReader(resp.Body, int64(size)+1))
		fits = err == nil && len(payload) <= size
	}
	_ = closeBody(resp.Body)
	if !fits {
		done(false)
		return fetchWord()
	}
	return observe.Word{Done: done, Response: func() *endpoint.Response {
		again := &endpoint.Response{Code: resp.Code, Options: resp.Options, Whole: true}
		if len(payload) > 0 {
			again.Body, again.Size = bytes.NewReader(payload), int64(len(payload))
		}
		return again
	}}
}

// fetchWord says that there is something to ask for.
func fetchWord() observe.Word {
	return observe.Word{Last: true, Response: func() *endpoint.Response { return callUp(controlFetch) }, Done: func(bool) {}}
}

// callUp is a last notification (RFC 7641 §4.2) that has the client ask: for what is too long
// for one, or to register anew.
func callUp(code controlCode) *endpoint.Response {
	return &endpoint.Response{Code: endpoint.ServiceUnavailable, Options: endpoint.Options(nil).AddUint(OptionControl, uint32(code))}
}

// lifeOf is the life of the client that has made a token, as endpoint.Request.Life has it.
func lifeOf(tok []byte) uint8 {
	if len(tok) < 2 {
		return 0
	}
	return tok[0]
}

// observers are the observations of a session that outlive this process.
type observers struct {
	byToken map[string]*endpoint.Observer
	// kept are those of an earlier life, until they are taken up.
	kept [][]byte
	// way is the address of the peer when it was last stored.
	way string
	// counts are digests of what every answer to a /sync repeats, by the slot of its user: as
	// last sent.
	counts map[uint32]string
}

func (s *serverSession) addObserver(o *endpoint.Observer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for tok, old := range s.observers.byToken {
		select {
		case <-old.Done():
			delete(s.observers.byToken, tok)
		default:
		}
	}
	if s.observers.byToken == nil {
		s.observers.byToken = make(map[string]*endpoint.Observer)
	}
	s.observers.byToken[string(o.Token())] = o
	s.memory.changed()
}

// dropObserver forgets an observation that is over.
func (s *serverSession) dropObserver(o *endpoint.Observer) {
	if s.life.Err() != nil && s.carrier.Durable() {
		return // the next life takes it up
	}
	o.End()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.observers.byToken[string(o.Token())] == o {
		delete(s.observers.byToken, string(o.Token()))
		s.memory.changed()
	}
}

// endObservers ends those whose token is of the kind.
func (s *serverSession) endObservers(of func(token []byte) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for tok, o := range s.observers.byToken {
		if of([]byte(tok)) {
			o.End()
			delete(s.observers.byToken, tok)
			s.memory.changed()
		}
	}
}

// countsOf is what was last sent of the key counts of a slot's user.
func (s *serverSession) countsOf(slot uint32) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.observers.counts[slot]
}

func (s *serverSession) learnCounts(slot uint32, counts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.observers.counts == nil {
		s.observers.counts = make(map[uint32]string)
	}
	if len(s.observers.counts) >= maxServerSlots {
		clear(s.observers.counts)
	}
	s.observers.counts[slot] = counts
}

// appendTo appends what the next life needs. The session's mu is held.
func (o *observers) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(o.counts)))
	for slot, digest := range o.counts {
		b = appendText(binary.AppendUvarint(b, uint64(slot)), digest)
	}
	b = binary.AppendUvarint(b, uint64(len(o.byToken)+len(o.kept)))
	for tok := range o.byToken {
		b = appendText(b, tok)
	}
	for _, tok := range o.kept {
		b = appendText(b, tok)
	}
	return b
}

// maxKeptObservers bounds what is read from a store.
const maxKeptObservers = 256

func (o *observers) read(in *state) {
	if n := in.number(maxServerSlots); n > 0 {
		o.counts = make(map[uint32]string)
		for range n {
			slot := uint32(in.number(maxSlot))
			o.counts[slot] = string(in.bytes())
		}
	}
	for range in.number(maxKeptObservers) {
		o.kept = append(o.kept, in.bytes())
	}
}

// takeUp goes on with what the peer observed in an earlier life of this server: it has it
// register again, for what it holds by now it alone knows.
func (s *serverSession) takeUp(c *endpoint.Conn) {
	s.mu.Lock()
	kept := s.observers.kept
	s.observers.kept = nil
	s.mu.Unlock()
	for _, tok := range kept {
		o, err := c.RestoreObserver(tok)
		if err != nil || !s.begin() {
			continue
		}
		s.addObserver(o)
		go func() {
			defer s.running.Done()
			c.Guard(func() {
				_ = observe.Deliver(s.life, o, func() *endpoint.Response { return callUp(controlRegister) }, s.maxTransmitWait())
			})
			s.dropObserver(o)
		}()
	}
}
