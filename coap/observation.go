package coap

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/observe"
)

// observation is a /sync that the server polls in our place. It implements
// observe.Observation.
type observation struct {
	t       *Transport
	session *session
	o       *endpoint.Observation
	deliver func(observe.Pushed) error
	// renew is how long the server remembers the observation unless it is heard of, 0 for
	// good.
	renew time.Duration
	// r is the registration, and x what notifications are read against.
	r *http.Request
	x *exchange2
}

// Observe implements observe.Source, towards a coapgw with which the session has agreed on
// wire version 2; its first request sees to that.
func (t *Transport) Observe(r *http.Request, deliver func(observe.Pushed) error) (observe.Observation, error) {
	t.init()
	for range maxRegistrations {
		o, anew, err := t.observe(r, deliver)
		switch {
		case err != nil:
			return nil, err
		case !anew:
			return o, nil
		}
	}
	return nil, observe.ErrNotPushed
}

// maxRegistrations bounds how often one is made anew because the server has forgotten a
// slot, or the tables of the session.
const maxRegistrations = 4

func (t *Transport) observe(r *http.Request, deliver func(observe.Pushed) error) (_ *observation, anew bool, err error) {
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
	o := &observation{t: t, session: s, deliver: deliver, r: r, x: x}
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
		return nil, false, observe.ErrNotPushed
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
		return nil, signature{}, nil, observe.ErrNotPushed
	}
	req, x, ok := out.encode2(t.mapping, c)
	if !ok {
		return nil, signature{}, nil, observe.ErrNotPushed
	}
	asked := &exchange2{x}
	sig, err := s.sign(req, kind, token)
	if err != nil {
		asked.refused()
		return nil, sig, nil, observe.ErrNotPushed
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
func (o *observation) notified(resp *endpoint.Response) error {
	if v, ok := resp.Options.GetUint(OptionControl); ok {
		switch controlCode(v) {
		case controlFetch:
			return o.deliver(observe.Pushed{Fetch: true})
		case controlRegister:
			return o.deliver(observe.Pushed{Register: true})
		}
		return errors.New("coap: a notification with control code " + strconv.Itoa(int(v)))
	}
	answered, err := o.t.mapping.decodeResponse2(resp, o.r, o.x.Exchange)
	if err != nil {
		return err
	}
	defer answered.Body.Close()
	return o.deliver(observe.Pushed{Response: answered})
}

// Cancel implements observe.Observation.
func (o *observation) Cancel(ctx context.Context) error { return o.o.Cancel(ctx) }

// Renew implements observe.Observation.
func (o *observation) Renew() time.Duration { return o.renew }

// Silence implements observe.Observation.
func (o *observation) Silence() time.Duration { return o.session.conn.Silence() }

// Done implements observe.Observation.
func (o *observation) Done() <-chan struct{} { return o.o.Done() }

// Err implements observe.Observation.
func (o *observation) Err() error { return o.o.Err() }
