package mobile

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Request is an HTTP request to the homeserver, for apps without a Matrix SDK. It is for one
// call of Gateway.Request.
type Request struct {
	// Method is "GET", "PUT", "POST" and so on.
	Method string
	// Path is escaped and may have a query: "/_matrix/client/v3/sync?timeout=30000".
	Path string
	// ContentType is that of the body; empty means application/json.
	ContentType string
	// TimeoutMillis bounds the wait for the whole answer, in milliseconds. 0 leaves it to the
	// link, which gives up what is not answered, on slow links after many minutes.
	TimeoutMillis int64

	token string
	body  []byte

	mu        sync.Mutex
	header    http.Header
	cancelled bool
	cancel    context.CancelFunc // while it is under way
}

// NewRequest returns a request without body.
func NewRequest(method, path string) *Request { return &Request{Method: method, Path: path} }

// SetToken sets the access token.
func (r *Request) SetToken(token string) { r.token = token }

// SetBody sets the body, which is copied.
func (r *Request) SetBody(body []byte) { r.body = bytes.Clone(body) }

// SetHeader sets a header field.
func (r *Request) SetHeader(name, value string) {
	if r.header == nil {
		r.header = make(http.Header)
	}
	r.header.Set(name, value)
}

// Cancel ends the wait for the answer. What the request asks for may be done all the same.
func (r *Request) Cancel() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancelled = true
	if r.cancel != nil {
		r.cancel()
	}
}

// begin returns the request as net/http knows it. end must be called when its answer was
// read.
func (r *Request) begin() (out *http.Request, end func(), err error) {
	if !strings.HasPrefix(r.Path, "/") {
		return nil, nil, failure(ErrorRequest, "%q is no path", r.Path)
	}
	u, err := url.Parse("http://gateway" + r.Path)
	if err != nil {
		return nil, nil, failure(ErrorRequest, "%w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if r.TimeoutMillis > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.TimeoutMillis)*time.Millisecond)
	}
	var body io.Reader
	if len(r.body) > 0 {
		body = bytes.NewReader(r.body)
	}
	out, err = http.NewRequestWithContext(ctx, r.Method, u.String(), body)
	if err != nil {
		cancel()
		return nil, nil, failure(ErrorRequest, "%w", err)
	}
	for name, values := range r.header {
		out.Header[name] = values
	}
	switch {
	case r.ContentType != "":
		out.Header.Set("Content-Type", r.ContentType)
	case body != nil && out.Header.Get("Content-Type") == "":
		out.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		out.Header.Set("Authorization", "Bearer "+r.token)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancelled {
		cancel()
	}
	r.cancel = cancel
	return out, cancel, nil
}

// Response is the homeserver's answer.
type Response struct {
	// Status is the HTTP status.
	Status int64
	// ContentType is that of the body.
	ContentType string

	body   []byte
	header http.Header
}

// Body returns the body; nil when it is empty.
func (r *Response) Body() []byte { return r.body }

// Header returns a header field, empty when there is none.
func (r *Response) Header(name string) string { return r.header.Get(name) }

// Request makes a request and waits for its answer, whatever its status is. GET
// /_matrix/client/v3/sync with a since and a timeout is answered out of what the server pushes.
func (g *Gateway) Request(r *Request) (*Response, error) {
	if r == nil {
		return nil, failure(ErrorRequest, "there is none")
	}
	out, end, err := r.begin()
	if err != nil {
		return nil, err
	}
	defer end()
	answer, err := g.carry(out)
	if err != nil {
		return nil, explain(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, explain(err)
	}
	return &Response{
		Status: int64(answer.StatusCode), ContentType: answer.Header.Get("Content-Type"),
		body: body, header: answer.Header,
	}, nil
}
