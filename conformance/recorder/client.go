package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// ErrURI says that a request target cannot be sent by Go's HTTP client as it is.
var ErrURI = errors.New("not expressible as a request target")

// Do sends req to the server at base, which has neither path nor trailing slash,
// and returns the answer with its whole body. Redirects are not followed. It
// fails with ErrURI rather than send another target than req.URI.
func Do(ctx context.Context, transport http.RoundTripper, base string, req Request) (Response, error) {
	target, err := url.ParseRequestURI(base + req.URI)
	if err != nil {
		return Response{}, fmt.Errorf("%w: %w", ErrURI, err)
	}
	if target.RequestURI() != req.URI {
		return Response{}, fmt.Errorf("%w: %q becomes %q", ErrURI, req.URI, target.RequestURI())
	}
	out := (&http.Request{
		Method: req.Method, URL: target, Host: target.Host, Header: req.Header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if out.Header == nil {
		out.Header = http.Header{}
	}
	if len(req.Body) > 0 {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(req.Body)), int64(len(req.Body))
	}
	in, err := transport.RoundTrip(out)
	if err != nil {
		return Response{}, err
	}
	defer in.Body.Close()
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return Response{}, fmt.Errorf("read the response body: %w", err)
	}
	return Response{Status: in.StatusCode, Header: in.Header, Body: body}, nil
}

// A Tap is an http.RoundTripper that records what a client sends and gets.
type Tap struct {
	journal
	next http.RoundTripper
}

// NewTap returns a Tap in front of next. An exchange is recorded when the client
// has read the response to its end or closed it.
func NewTap(next http.RoundTripper) *Tap { return &Tap{next: next} }

// RoundTrip implements http.RoundTripper.
func (tap *Tap) RoundTrip(r *http.Request) (*http.Response, error) {
	e := Exchange{Request: Request{Method: r.Method, URI: requestURI(r), Header: r.Header.Clone()}}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil {
			return nil, fmt.Errorf("read the request body: %w", err)
		}
		e.Request.Body = body
		r = r.Clone(r.Context()) // a RoundTripper must not modify its request
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
	}
	resp, err := tap.next.RoundTrip(r)
	if err != nil {
		e.Err = err
		tap.add(e)
		return nil, err
	}
	e.Response = Response{Status: resp.StatusCode, Header: resp.Header.Clone()}
	resp.Body = &tappedBody{ReadCloser: resp.Body, tap: tap, exchange: e}
	return resp, nil
}

// tappedBody copies a response body while the client reads it.
type tappedBody struct {
	io.ReadCloser
	tap      *Tap
	exchange Exchange
	copied   bytes.Buffer
	once     sync.Once
}

func (b *tappedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.copied.Write(p[:n])
	if err != nil {
		b.finish(err)
	}
	return n, err
}

func (b *tappedBody) Close() error {
	err := b.ReadCloser.Close()
	b.finish(io.EOF)
	return err
}

func (b *tappedBody) finish(err error) {
	b.once.Do(func() {
		if err != io.EOF {
			b.exchange.Err = fmt.Errorf("read the response body: %w", err)
		}
		b.exchange.Response.Body = b.copied.Bytes()
		b.tap.add(b.exchange)
	})
}

// A Pair is one exchange as both sides of the gateway saw it.
type Pair struct {
	Client, Server Exchange
}

// Match pairs the exchanges of the client side with those of the server side:
// same method, target and Authorization header, equal ones in order. The error
// names the exchanges that only one side saw.
func Match(client, server []Exchange) ([]Pair, error) {
	type key struct{ method, uri, authorization string }
	keyOf := func(e Exchange) key {
		return key{e.Request.Method, e.Request.URI, strings.Join(e.Request.Header["Authorization"], ", ")}
	}
	waiting := make(map[key][]Exchange)
	for _, e := range server {
		waiting[keyOf(e)] = append(waiting[keyOf(e)], e)
	}
	var pairs []Pair
	var errs []error
	for _, e := range client {
		k := keyOf(e)
		if len(waiting[k]) == 0 {
			errs = append(errs, fmt.Errorf("only the client side saw %s %s", k.method, k.uri))
			continue
		}
		pairs = append(pairs, Pair{Client: e, Server: waiting[k][0]})
		waiting[k] = waiting[k][1:]
	}
	for k, rest := range waiting {
		if len(rest) > 0 {
			errs = append(errs, fmt.Errorf("only the server side saw %s %s (%d times)", k.method, k.uri, len(rest)))
		}
	}
	return pairs, errors.Join(errs...)
}
