package coap

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coapgw/coapgw/cborcodec/wire2"
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
func (t *Transport) Observe(r *http.Request, instead observe.Observation, deliver func(observe.Pushed) error) (observe.Observation, error) {
	t.init()
	for range maxRegistrations {
		o, anew, err := t.observe(r, instead, deliver)
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

func (t *Transport) observe(r *http.Request, instead observe.Observation, deliver func(observe.Pushed) error) (_ observe.Observation, anew bool, err error) {
	token, loose := accessToken(r.Header)
	if loose != "" {
		return nil, false, observe.ErrNotPushed
	}
	s, kind, err := t.session(r.Context(), token)
	if err != nil {
		return nil, false, exchangeError(err)
	}
	defer s.leave()
	req, sig, x, err := t.register(s, kind, r, token)
	if err != nil {
		return nil, false, err
	}
	if left, ok := instead.(*observation); ok && left.session == s {
		req.Options = req.Options.Add(OptionInstead, left.o.Token())
	}
	o := &observation{t: t, session: s, deliver: deliver, r: r, x: x}
	var v verdict
	first, over := true, false
	inner, err := s.conn.Observe(r.Context(), req, func(resp *endpoint.Response) error {
		if !first {
			err := o.notified(resp)
			if err != nil {
				t.Log.Debug("a notification was rejected", "err", err)
			}
			return err
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
		over, err = o.unregistered(resp)
		if errors.Is(err, wire2.ErrUnknown) {
			v, err = again, nil
		}
		return err
	})
	switch {
	case err == nil:
		o.o = inner
		return o, false, nil
	case over:
		return ended{}, false, nil
	case v == again, v == restarted:
		return nil, true, nil
	case errors.Is(err, endpoint.ErrTooLarge):
		x.refused()
		return nil, false, observe.ErrNotPushed
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

// unregistered reads an answer to the registration that is not 2.03. It may be the last
// notification, which has overtaken that: then the observation is over. The error is
// wire2.ErrUnknown when the tables of the session are lost.
func (o *observation) unregistered(resp *endpoint.Response) (over bool, err error) {
	if _, called := calledUp(resp); called {
		return true, o.notified(resp)
	}
	answered, err := o.t.mapping.decodeResponse2(resp, o.r, o.x.Exchange)
	if err != nil {
		return false, err
	}
	defer answered.Body.Close()
	if resp.Code.Class() != 4 || resp.Options.Has(OptionControl) {
		return false, nil
	}
	return true, o.deliver(observe.Pushed{Response: answered})
}

// calledUp reports whether a notification is one of callUp, and what it asks for.
func calledUp(resp *endpoint.Response) (observe.Pushed, bool) {
	v, ok := resp.Options.GetUint(OptionControl)
	p := observe.Pushed{Fetch: controlCode(v) == controlFetch, Register: controlCode(v) == controlRegister}
	return p, ok && (p.Fetch || p.Register)
}

// ended is an observation that was over before it was registered.
type ended struct{}

func (ended) Cancel(context.Context) error { return nil }
func (ended) Leave()                       {}
func (ended) Renew() time.Duration         { return 0 }
func (ended) Silence() time.Duration       { return 0 }
func (ended) Err() error                   { return nil }

func (ended) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// longestSilence is after what silence a client asks anew what it observes, whatever the
// server remembers.
const longestSilence = 4 * time.Hour

// renewal is how long the server remembers, by the Max-Age of its answer (RFC 7641 §3.3.1).
// Without one it has a store, and calls up whom it can reach; only a client that has moved
// right before it died it cannot.
func renewal(resp *endpoint.Response) time.Duration {
	seconds, ok := resp.Options.GetUint(endpoint.MaxAge)
	if !ok {
		return longestSilence
	}
	return time.Duration(max(seconds, 60)) * time.Second
}

// notified reads a notification.
func (o *observation) notified(resp *endpoint.Response) error {
	if p, ok := calledUp(resp); ok {
		return o.deliver(p)
	}
	if resp.Options.Has(OptionControl) {
		return errors.New("coap: a notification with a control code that is not known")
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

// Leave implements observe.Observation.
func (o *observation) Leave() { o.o.Leave() }

// Renew implements observe.Observation.
func (o *observation) Renew() time.Duration { return o.renew }

// Silence implements observe.Observation.
func (o *observation) Silence() time.Duration { return o.session.conn.Silence() }

// Done implements observe.Observation.
func (o *observation) Done() <-chan struct{} { return o.o.Done() }

// Err implements observe.Observation.
func (o *observation) Err() error { return o.o.Err() }
