package coap

import (
	"context"
	"net/http"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// A server that stops leaves the sessions that outlive it to its next life, and so it
// does with what their clients want: requests that arrive now are not heard, so that
// they are repeated until the next life hears them (RFC 7252 §4.2). What is under way
// may finish, but for long-polls, which would take all of the time that there is: they
// are answered at once that the server restarts, and made again.

// isLongPoll reports whether a homeserver may hold the request until there is news.
func isLongPoll(r *http.Request) bool {
	query := r.URL.Query()
	switch query.Get("timeout") {
	case "", "0":
		return false
	}
	return isSync(r) && query.Get("since") != ""
}

// givesWay reports whether a request ends when the server stops.
func (s *serverSession) givesWay(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gateway && s.carrier.Durable() && isLongPoll(r)
}

// giveWay has end called when the server stops, if the request gives way, unless done
// is called before.
func (s *serverSession) giveWay(r *http.Request, end context.CancelFunc) (done func()) {
	if !s.givesWay(r) {
		return func() {}
	}
	stop := context.AfterFunc(s.life, end)
	return func() { stop() }
}

// orRestart returns the response to r, or in its place that the server restarts, where
// it failed because of that.
func (s *serverSession) orRestart(resp *endpoint.Response, r *http.Request) *endpoint.Response {
	if resp.Code.Class() == 2 || s.life.Err() == nil || !s.givesWay(r) {
		return resp
	}
	_ = closeBody(resp.Body)
	return refusal(controlRestart)
}

// leave has every session that outlives this server hear no new request. s.mu is held.
func (s *serving) leave() {
	for c, session := range s.sessions {
		if session.carrier.Durable() {
			c.Quiesce()
		}
	}
}

// beginAdmitted is begin for what answers a request. One that a session admitted before it
// was to hear no new one is served, although it had to wait for a place or for the store:
// its client takes it for received and would not repeat it.
func (s *serverSession) beginAdmitted() bool {
	s.serving.mu.Lock()
	defer s.serving.mu.Unlock()
	if s.refusing || s.stopping && !s.carrier.Durable() {
		return false
	}
	s.running.Add(1)
	return true
}

// refuse lets nothing at all begin any more.
func (s *serving) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusing = true
}
