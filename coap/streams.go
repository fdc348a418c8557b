package coap

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/coap/stream"
)

// A room stream is a resource of ours for clients that are too small for /sync: see
// docs/wire-v1.md, "Room stream". Only who observes it finds it: without Observe its path
// is one of the homeserver.

// maxStreams bounds the room streams of a session.
const maxStreams = 16

// streamMaxAge is after what silence the client of a stream registers again (RFC 7641
// §3.3.1): it may have been taken for gone, or forgotten by a server that was restarted.
const streamMaxAge = 15 * time.Minute

// streamPatience is how long the homeserver may take to answer what a registration asks: others
// of the session wait meanwhile.
const streamPatience = time.Minute

// roomStream is a stream that is observed.
type roomStream struct {
	// ask and user are what was asked for, and the access token.
	ask  stream.Ask
	user string
	*stream.Stream
	observer *endpoint.Observer
	// done is closed when nobody is told any more: the stream rests until its client
	// registers again.
	done chan struct{}
}

func (st *roomStream) rests() bool {
	select {
	case <-st.done:
		return true
	default:
		return false
	}
}

// streamOf returns the room of a request that observes a stream, or deregisters.
func streamOf(r *endpoint.Request, a *admission) (room string, ok bool) {
	if r.Observe == endpoint.ObserveNone || r.Code != endpoint.GET || a.call != nil {
		return "", false
	}
	path := r.Options.GetAll(endpoint.URIPath)
	if len(path) != 2 || string(path[0]) != stream.Path {
		return "", false
	}
	return string(path[1]), true
}

// stream registers the peer for a room stream, or ends one.
func (s *serverSession) stream(ctx context.Context, r *endpoint.Request, room string, a admission) *endpoint.Response {
	tok := string(r.Token())
	if r.Observe == endpoint.ObserveDeregister {
		s.dropStream(tok)
		return &endpoint.Response{Code: endpoint.Content} // the message layer has ended it (RFC 7641 §3.6)
	}
	accept, says := r.Options.GetUint(endpoint.Accept)
	if says && accept != formatCBOR {
		return &endpoint.Response{Code: endpoint.NotAcceptable}
	}
	answer := func(payload []byte) *endpoint.Response {
		resp := &endpoint.Response{Code: endpoint.Content, Body: bytes.NewReader(payload), Size: int64(len(payload)), Whole: true}
		if says {
			resp.Options = resp.Options.AddUint(endpoint.ContentFormat, formatCBOR)
		}
		return resp
	}
	var queries []string
	for _, q := range r.Options.GetAll(endpoint.URIQuery) {
		queries = append(queries, string(q))
	}
	ask, err := stream.ParseAsk(room, queries)
	if err != nil {
		return s.noStream(err, a)
	}
	ask.Limit(s.link.Load().profile.BlockSize)
	r.SetLabel(label(http.MethodGet, "/"+stream.Path+"/"+url.PathEscape(room)))
	s.streaming.Lock()
	defer s.streaming.Unlock()
	o, err := r.StartObservation() // ends an earlier one with this token
	if err != nil {
		return s.failure(errStreams(), a.audience)
	}
	st := s.streamAgain(ctx, tok, &ask, a.token)
	if st == nil {
		s.dropStream(tok)
		opening, cancel := context.WithTimeout(ctx, streamPatience)
		defer cancel()
		if st, err = stream.Open(opening, ask, s.getter(a.token), s.markKey(a.token)); err != nil {
			return s.noStream(err, a)
		}
	}
	position := st.Position()
	if problem := s.runStream(r.Conn, tok, &roomStream{ask: ask, user: a.token, Stream: st, observer: o, done: make(chan struct{})}, answer); problem != nil {
		return s.failure(problem, a.audience)
	}
	resp := answer(position)
	resp.Options = resp.Options.AddUint(endpoint.MaxAge, uint32(streamMaxAge/time.Second))
	return resp
}

// streamAgain returns the stream of an observation that is registered again, nil if that is
// for something else. Where the registration says to begin does not count: more may have
// been acknowledged while it was on its way, and would be told twice.
func (s *serverSession) streamAgain(ctx context.Context, tok string, ask *stream.Ask, user string) *stream.Stream {
	s.mu.Lock()
	old := s.streams[tok]
	s.mu.Unlock()
	if old == nil || old.user != user || !old.ask.Same(ask) {
		return nil
	}
	select {
	case <-old.done: // soon: its observer is no more
		return old.Stream
	case <-ctx.Done():
		return nil
	}
}

// addStream finds a place for a stream.
func (s *serverSession) addStream(tok string, st *roomStream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, old := range s.streams {
		if len(s.streams) < maxStreams {
			break
		}
		if other == tok || old.rests() {
			delete(s.streams, other)
		}
	}
	if len(s.streams) >= maxStreams {
		return false
	}
	if s.streams == nil {
		s.streams = make(map[string]*roomStream)
	}
	s.streams[tok] = st
	return true
}

func (s *serverSession) dropStream(tok string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, tok)
}

// runStream tells the peer of a room until it is over.
func (s *serverSession) runStream(c *endpoint.Conn, tok string, st *roomStream, answer func(payload []byte) *endpoint.Response) *Error {
	if !s.begin() {
		return errBusy()
	}
	if !s.addStream(tok, st) {
		s.running.Done()
		return errStreams()
	}
	s.addObserver(st.observer)
	_ = s.memory.keep() // where that fails, the peer registers again in time
	go func() {
		defer s.running.Done()
		defer close(st.done)
		var err error
		c.Guard(func() { err = s.tellStream(st, answer) })
		s.log.Debug("a room stream ends", "peer", s.peer.Identity, "err", err)
		s.dropObserver(st.observer)
		var rejected *endpoint.ResetError
		if err == nil || errors.As(err, &rejected) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.streams[tok] == st {
				delete(s.streams, tok)
			}
		}
	}()
	return nil
}

// tellStream returns nil when the peer was told that the stream is over, and otherwise what
// ended the observation.
func (s *serverSession) tellStream(st *roomStream, answer func(payload []byte) *endpoint.Response) error {
	ctx, cancel := observe.WhileObserved(s.life, st.observer)
	defer cancel()
	err := st.Run(ctx, func(ctx context.Context, payload []byte) error {
		return st.observer.Notify(ctx, answer(payload))
	})
	var over *stream.Error
	if errors.As(err, &over) {
		code, _ := statusCode(over.Status)
		_ = st.observer.Notify(ctx, &endpoint.Response{Code: code})
		return nil
	}
	return err
}

// noStream is the response where a stream could not be opened.
func (s *serverSession) noStream(err error, a admission) *endpoint.Response {
	var own *Error
	var problem *stream.Error
	switch {
	case errors.As(err, &problem):
		own = &Error{Status: problem.Status, ErrCode: problem.ErrCode, Message: problem.Message}
	case !errors.As(err, &own):
		own = &Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the homeserver could not be asked", Err: err}
	}
	return s.failure(own, a.audience)
}

func errStreams() *Error {
	return &Error{Status: http.StatusServiceUnavailable, ErrCode: "M_LIMIT_EXCEEDED", Message: "too many observations of this session"}
}

// markKey makes the marks of a stream: it is what the peer has in common with us for long,
// and nobody else.
func (s *serverSession) markKey(token string) []byte {
	if s.StreamKey != nil && s.peer.Identity != "" {
		if key := s.StreamKey(s.peer.Identity); len(key) > 0 {
			return key
		}
	}
	return []byte(token)
}

// getter asks the homeserver with an access token.
func (s *serverSession) getter(token string) stream.Get {
	return func(ctx context.Context, path string, query url.Values) (int, []byte, error) {
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return 0, nil, errTarget // the parser's own words repeat the room
		}
		peer := s.peer
		peer.Addr, peer.Link = s.remote.RemoteAddr(), s.link.Load().profile
		req := &http.Request{
			Method: http.MethodGet, URL: u, RequestURI: u.RequestURI(),
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			// What is asked for is little already (docs/policy.md).
			Header:     http.Header{"Prefer": {"sync=whole"}},
			Body:       http.NoBody,
			RemoteAddr: peer.Addr.String(),
		}
		if token != "" && validFieldValue(token) {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		got, problem := s.call(req.WithContext(context.WithValue(ctx, peerKey{}, peer)))
		if problem != nil {
			return 0, nil, problem
		}
		defer func() { _ = closeBody(got.body) }()
		if got.body == nil {
			return got.status, nil, nil
		}
		body, rest, err := readUpTo(got.body, got.size, s.mapping().maxJSON)
		if err == nil && rest != nil {
			err = errTooLarge("an answer of the homeserver is larger than the gateway converts")
		}
		return got.status, body, err
	}
}
