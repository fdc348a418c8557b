// Package recorder shows whether a gateway is faithful: it records HTTP requests
// and responses on both sides of the gateway and compares them.
//
// Recorder stands where the homeserver is, in front of a scripted answer or a
// reverse proxy to a real one. Tap stands where the client is, as the transport
// of an http.Client. Match pairs what the two saw, and CompareRequests and
// CompareResponses tell how the two sides of an exchange differ.
package recorder

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// A Request is an HTTP request as it was sent or as it arrived.
type Request struct {
	Method string
	// URI is the request target in origin form (RFC 9112 section 3.2.1): the
	// escaped path and the raw query, byte for byte.
	URI    string
	Header http.Header
	Body   []byte
}

// A Response is an HTTP response as it was sent or as it arrived.
type Response struct {
	Status int // status code; 0 in a script stands for 200
	Header http.Header
	Body   []byte
}

// An Exchange is a request and its response.
type Exchange struct {
	Request  Request
	Response Response
	// Err is what cut the exchange short, such as a body that ended early. The
	// response is then incomplete or missing.
	Err error
}

// journal keeps exchanges in the order in which they ended.
type journal struct {
	mu        sync.Mutex
	exchanges []Exchange
}

func (j *journal) add(e Exchange) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.exchanges = append(j.exchanges, e)
}

// Exchanges returns all exchanges so far in the order in which they ended. It
// may be called at any time.
func (j *journal) Exchanges() []Exchange {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.exchanges)
}

// Take returns all exchanges so far, as Exchanges does, and forgets them.
func (j *journal) Take() []Exchange {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken := j.exchanges
	j.exchanges = nil
	return taken
}

// An Answer makes the response to a request. It may block until ctx, the
// request's context, is done. Several calls may run at a time.
type Answer func(ctx context.Context, req Request) Response

// InOrder returns an Answer that gives the responses one after the other, and
// status 500 when there are none left.
func InOrder(responses ...Response) Answer {
	var mu sync.Mutex
	return func(context.Context, Request) Response {
		mu.Lock()
		defer mu.Unlock()
		if len(responses) == 0 {
			return JSON(http.StatusInternalServerError, `{"errcode":"M_UNKNOWN","error":"the script has ended"}`)
		}
		next := responses[0]
		responses = responses[1:]
		return next
	}
}

// JSON is a response with a JSON body.
func JSON(status int, body string) Response {
	return Response{
		Status: status,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(body),
	}
}

// requestURI is the request target of a request that is sent, or of one that
// came without HTTP's request line.
func requestURI(r *http.Request) string {
	if r.RequestURI != "" {
		return r.RequestURI
	}
	return (&url.URL{
		Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery,
	}).RequestURI()
}
