package coap

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// ErrNotPushed: the peer does not push /sync, or not yet: it is no coapgw, or the session
// with it has not agreed on wire version 2, which its first request sees to. Poll instead.
var ErrNotPushed = errors.New("coap: the peer does not push")

// Pushed is what came of an Observation.
type Pushed struct {
	// Response is an answer to a /sync that goes on from what was there before, whose body
	// may be read until deliver returns. One that is not 200 is the last. It is nil where
	// Fetch or Register is set.
	Response *http.Response
	// Fetch: there is an answer that does not fit one datagram. Make the request without
	// an Observation, with a timeout of 0, and then Move on.
	Fetch bool
	// Register: the server was restarted. Move with the same since.
	Register bool
}

// Observation is a /sync that the server polls in our place (RFC 7641).
type Observation struct {
	t       *Transport
	session *session
	o       *endpoint.Observation
	deliver func(Pushed) error
	// renew is how long the server remembers the observation unless it is heard of, 0 for
	// good.
	renew time.Duration

	mu sync.Mutex
	// asked is the registration that counts, by which notifications are read.
	asked registration
}

// registration is a request to register.
type registration struct {
	r *http.Request
	x *exchange2
}

// Observe registers for what follows the since of r, a GET of /sync with one. What is new is
// given to deliver, one after the other, each going on from the one before; nothing comes
// where there is nothing to tell. When deliver returns nil the server takes it for kept, and
// may have the homeserver forget it. An error rejects it and ends the Observation; nothing is
// lost, and a new one from the last since that was kept gets it again. Deliver must not
// call methods of the Observation, nor wait for long: the link may be held up meanwhile.
//
// The error is ErrNotPushed where r has to be made as any other request, or as of RoundTrip.
// ctx of r bounds the registration.
func (t *Transport) Observe(r *http.Request, deliver func(Pushed) error) (*Observation, error) {
	t.init()
	for range maxRegistrations {
		o, anew, err := t.observe(r, deliver)
		if !anew {
			return o, err
		}
	}
	return nil, ErrNotPushed
}

// maxRegistrations bounds how often one is made anew because the server has forgotten a
// slot, or the tables of the session.
const maxRegistrations = 4

func (t *Transport) observe(r *http.Request, deliver func(Pushed) error) (_ *Observation, anew bool, err error) {
	token, _ := bearer(r.Header.Get("Authorization"))
	s, kind, err := t.session(r.Context(), token)
	if err != nil {
		return nil, false, exchangeError(err)
	}
	defer s.leave()
	req, sig, x, err := t.register(s, kind, r, token)
	if err != nil {
		return nil, false, err
	}
	o := &Observation{t: t, session: s, deliver: deliver, asked: registration{r, x}}
	var v verdict
	first := true
	inner, err := s.conn.Observe(r.Context(), req, func(resp *endpoint.Response) error {
		if !first {
			return o.notified(resp)
		}
		first = false
		v = s.learn(resp, sig)
		s.takeReset(resp)
		_ = s.memory.keep()
		if resp.Code == endpoint.Valid {
			x.Answered()
			o.renew = renewal(resp)
			return nil
		}
		return t.notRegistered(resp, r, x, &v)
	})
	switch {
	case err == nil:
		o.o = inner
		return o, false, nil
	case v == again:
		return nil, true, nil
	case errors.Is(err, endpoint.ErrNotObserved):
		return nil, false, ErrNotPushed
	}
	x.giveUp(time.Now().Add(s.conn.Lifetime()))
	return nil, false, exchangeError(t.lose(s, err))
}

// register makes a request to register.
func (t *Transport) register(s *session, kind PeerKind, r *http.Request, token string) (*endpoint.Request, signature, *exchange2, error) {
	out, err := t.mapping.prepareRequest(r)
	if err != nil {
		return nil, signature{}, nil, exchangeError(err)
	}
	s.mu.Lock()
	c := s.client2
	s.mu.Unlock()
	if kind != PeerGateway || c == nil || !isSync(r) {
		return nil, signature{}, nil, ErrNotPushed
	}
	req, x, ok := out.encode2(t.mapping, c)
	if !ok {
		return nil, signature{}, nil, ErrNotPushed
	}
	asked := &exchange2{x}
	sig, err := s.sign(req, kind, token)
	if err != nil {
		asked.refused()
		return nil, sig, nil, ErrNotPushed
	}
	req.Patience = answerPatience
	req.Priority, req.Flow = priorityOf(r.Method, r.URL), endpoint.Flow(sig.slot)
	return req, sig, asked, nil
}

// notRegistered reads an answer that is not 2.03.
func (t *Transport) notRegistered(resp *endpoint.Response, r *http.Request, x *exchange2, v *verdict) error {
	answered, err := t.mapping.decodeResponse2(resp, r, x.Exchange)
	if err != nil { // the tables of the session are lost
		*v = again
		return nil
	}
	_ = answered.Body.Close()
	return nil
}

// renewal is how long the server remembers, by the Max-Age of its answer (RFC 7641 §3.3.1).
// Without one it has a store.
func renewal(resp *endpoint.Response) time.Duration {
	seconds, ok := resp.Options.GetUint(endpoint.MaxAge)
	if !ok {
		return 0
	}
	return time.Duration(max(seconds, 60)) * time.Second
}

// notified reads a notification.
func (o *Observation) notified(resp *endpoint.Response) error {
	o.mu.Lock()
	asked := o.asked
	o.mu.Unlock()
	if resp.Code == endpoint.Valid { // the answer to a Move
		asked.x.Answered()
		return nil
	}
	if v, ok := resp.Options.GetUint(OptionControl); ok {
		switch controlCode(v) {
		case controlFetch:
			return o.deliver(Pushed{Fetch: true})
		case controlRegister:
			return o.deliver(Pushed{Register: true})
		}
		return errors.New("coap: a notification with control code " + strconv.Itoa(int(v)))
	}
	answered, err := o.t.mapping.decodeResponse2(resp, asked.r, asked.x.Exchange)
	if err != nil {
		return err
	}
	defer answered.Body.Close()
	return o.deliver(Pushed{Response: answered})
}

// Move registers again (RFC 7641 §3.3.1), for what follows the since of r: the same as
// before, or that of what was fetched.
func (o *Observation) Move(r *http.Request) error {
	s := o.session
	if !s.enter() {
		return exchangeError(endpoint.ErrClosed)
	}
	defer s.leave()
	token, _ := bearer(r.Header.Get("Authorization"))
	req, _, x, err := o.t.register(s, s.peer(), r, token)
	if err != nil {
		return err
	}
	o.mu.Lock()
	before := o.asked
	o.asked = registration{r, x}
	o.mu.Unlock()
	if err := o.o.Reregister(r.Context(), req); err != nil {
		x.giveUp(time.Now().Add(s.conn.Lifetime()))
		o.mu.Lock()
		o.asked = before
		o.mu.Unlock()
		return exchangeError(o.t.lose(s, err))
	}
	return nil
}

// Cancel ends the Observation and tells the server (RFC 7641 §3.6), for which ctx bounds the
// wait. Where that fails, the next notification is rejected.
func (o *Observation) Cancel(ctx context.Context) error { return o.o.Cancel(ctx) }

// Renew is after what silence to Move with the same since, because a server that was
// restarted would have forgotten the Observation; 0 where it would not.
func (o *Observation) Renew() time.Duration { return o.renew }

// Silence is for how long nothing has come from the server.
func (o *Observation) Silence() time.Duration { return o.session.conn.Silence() }

// Done is closed when the Observation is over.
func (o *Observation) Done() <-chan struct{} { return o.o.Done() }

// Err says why it is over: nil after Cancel and after a last answer.
func (o *Observation) Err() error { return o.o.Err() }
