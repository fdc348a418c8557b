package coap

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/stream"
)

// RoomStream is a room that is told to us, an event at a time (docs/wire-v1.md, "Room
// stream").
type RoomStream struct {
	t       *Transport
	session *session
	o       *endpoint.Observation
	token   string
	deliver func(stream.Told) error

	// Guarded by mu. sig is of the newest registration, last is why the server has ended the
	// stream, maxAge after what silence to register again (RFC 7641 §3.3.1), and start the mark
	// of the first registration, if there was one.
	mu     sync.Mutex
	sig    signature
	last   error
	maxAge time.Duration
	start  uint32
	begun  bool
}

// errNoStreams: the other end did not take a GET with Observe for a registration.
var errNoStreams = &Error{Status: http.StatusNotFound, ErrCode: "M_UNRECOGNIZED", Message: "the gateway at the other end has no room streams"}

// ErrNewStream ended a room stream: the server has forgotten it, and wants it to be asked for
// anew from what is held.
var ErrNewStream = &Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: "the gateway at the other end wants the room stream to be asked for anew"}

// ObserveRoom registers for a room stream, as the user of an access token. deliver is given
// each payload, one after the other; when it returns nil the server takes it for kept and may
// send the next one, and an error ends the stream. It must not call methods of the
// RoomStream. ctx bounds the registration. Errors are as of RoundTrip.
func (t *Transport) ObserveRoom(ctx context.Context, token string, ask stream.Ask, deliver func(stream.Told) error) (*RoomStream, error) {
	t.init()
	if t.NoTokens && token != "" {
		return nil, errNoTokens()
	}
	for range maxRegistrations {
		o, anew, err := t.observeRoom(ctx, token, ask, deliver)
		switch {
		case err != nil:
			return nil, exchangeError(err)
		case !anew:
			return o, nil
		}
	}
	return nil, ErrNewStream
}

func (t *Transport) observeRoom(ctx context.Context, token string, ask stream.Ask, deliver func(stream.Told) error) (_ *RoomStream, anew bool, err error) {
	s, kind, err := t.session(ctx, token)
	if err != nil {
		return nil, false, err
	}
	defer s.leave()
	o := &RoomStream{t: t, session: s, token: token, deliver: deliver}
	req, err := o.request(ask, kind)
	if errors.Is(err, errSlotsUsedUp) {
		t.drop(s)
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	first := true
	o.o, err = s.conn.Observe(ctx, req, func(resp *endpoint.Response) error {
		if first {
			first = false
			s.takeReset(resp)
		}
		return o.take(resp)
	})
	last := o.Err()
	switch {
	case errors.Is(last, ErrNewStream):
		return nil, true, nil
	case last != nil:
		return nil, false, last
	case errors.Is(err, endpoint.ErrNotObserved):
		return nil, false, errNoStreams
	case err != nil:
		return nil, false, t.lose(s, err)
	}
	return o, false, nil
}

// request makes a registration, and notes what it says of the session.
func (o *RoomStream) request(ask stream.Ask, kind PeerKind) (*endpoint.Request, error) {
	opts := endpoint.Options(nil).AddString(endpoint.URIPath, stream.Path).AddString(endpoint.URIPath, ask.Room)
	for _, q := range ask.Queries() {
		opts = opts.AddString(endpoint.URIQuery, q)
	}
	req := &endpoint.Request{
		Code: endpoint.GET, Options: opts, Patience: answerPatience, Priority: endpoint.PriorityNormal,
		Label: label(http.MethodGet, "/"+stream.Path+"/"+url.PathEscape(ask.Room)),
	}
	sig, err := o.session.sign(req, kind, o.token)
	if err != nil {
		return nil, err
	}
	req.Flow = endpoint.Flow(sig.slot)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sig = sig
	return req, nil
}

// take takes what the server sends.
func (o *RoomStream) take(resp *endpoint.Response) error {
	told, err := o.read(resp)
	if told == nil || err != nil {
		return err
	}
	return o.deliver(*told)
}

// read reads what the server sends: the answer to a registration, which alone has a Max-Age,
// or a notification, of which it returns what that tells.
func (o *RoomStream) read(resp *endpoint.Response) (*stream.Told, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	registered := resp.Options.Has(endpoint.MaxAge)
	if registered || resp.Code.Class() != 2 {
		v := o.session.learn(resp, o.sig)
		_ = o.session.memory.keep() // a session that is not stored ends with the process
		if v != deliver || resp.Options.Has(OptionControl) {
			o.last = ErrNewStream
			return nil, nil
		}
	}
	if resp.Code.Class() != 2 {
		o.last = o.refusal(resp)
		return nil, nil
	}
	if !resp.Observed {
		o.last = errNoStreams
		return nil, nil
	}
	payload, err := io.ReadAll(io.LimitReader(resp.Body, maxPayload+1))
	if err != nil {
		return nil, err
	}
	told, err := stream.ReadPayload(payload)
	if err != nil || !registered {
		return &told, err
	}
	o.maxAge = renewal(resp)
	if !o.begun {
		o.start, o.begun = told.Mark, true
	}
	return nil, nil
}

// maxPayload is more than the longest payload, in bytes.
const maxPayload = 1 << 10

// refusal is why there is no stream, or none any more.
func (o *RoomStream) refusal(resp *endpoint.Response) error {
	own := &Error{Status: codeStatus(resp.Code), ErrCode: "M_UNKNOWN", Message: "the gateway at the other end has ended the room stream"}
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}}
	answered, err := o.t.mapping.decodeResponse(resp, r, o.session.peer())
	if err != nil {
		return own
	}
	defer answered.Body.Close()
	own.Status = answered.StatusCode
	body, err := io.ReadAll(io.LimitReader(answered.Body, maxPayload))
	var problem struct {
		ErrCode string `json:"errcode"`
		Error   string `json:"error"`
	}
	if err == nil && json.Unmarshal(body, &problem) == nil && problem.ErrCode != "" {
		own.ErrCode, own.Message = problem.ErrCode, problem.Error
	}
	return own
}

// Start is the mark from which the stream goes on, as the server told when it was registered.
func (o *RoomStream) Start() uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.start
}

// MaxAge is after what silence to call Renew: the server may have taken us for gone.
func (o *RoomStream) MaxAge() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.maxAge
}

// Renew registers again (RFC 7641 §3.3.1), from what we have.
func (o *RoomStream) Renew(ctx context.Context, ask stream.Ask) error {
	if !o.session.enter() {
		return exchangeError(endpoint.ErrClosed)
	}
	defer o.session.leave()
	req, err := o.request(ask, o.session.peer())
	if err == nil {
		err = o.o.Reregister(ctx, req)
	}
	if err != nil {
		return exchangeError(o.t.lose(o.session, err))
	}
	return nil
}

// End ends the stream, and has the server told in the background.
func (o *RoomStream) End() {
	t := o.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		o.o.Leave()
		return
	}
	t.wg.Go(func() { _ = o.o.Cancel(t.life) })
}

// Done is closed when the stream is over.
func (o *RoomStream) Done() <-chan struct{} { return o.o.Done() }

// Err says why the stream is over: an *Error of the server, that of deliver, or of the
// session.
func (o *RoomStream) Err() error {
	o.mu.Lock()
	last := o.last
	o.mu.Unlock()
	if last != nil || o.o == nil {
		return last
	}
	if err := o.o.Err(); err != nil {
		return exchangeError(err)
	}
	return nil
}
