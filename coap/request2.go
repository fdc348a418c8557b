package coap

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// Requests of version 2: method, path, query and JSON body are one payload. The code
// tells the message layer no more than what it may do: FETCH (RFC 8132 §2) is safe, PUT
// may be repeated, POST is anything else. What is left for options is what is rare.

// fits2 reports whether version 2 has a form for the request: it has none for bodies
// that are not JSON, and none for media, whose download is resumed by its options.
func (o *outgoing) fits2() bool {
	return o.payload.data == nil && o.payload.body == nil && !isMedia(o.target.path) &&
		len(o.target.path)+len(o.target.query) < maxEnvelope // as much as version 1 carries
}

// code2 is the code for a request of version 2.
func code2(method string) endpoint.Code {
	switch method {
	case http.MethodGet, http.MethodHead:
		return endpoint.FETCH
	case http.MethodPut:
		return endpoint.PUT
	}
	return endpoint.POST
}

// encode2 makes the request of version 2; ok is false when it has no such form.
func (o *outgoing) encode2(m *Mapping, c *wire2.Client) (_ *endpoint.Request, _ *wire2.Exchange, ok bool) {
	if !o.fits2() {
		return nil, nil, false
	}
	var opts endpoint.Options
	if o.tag != nil {
		opts = opts.Add(endpoint.ETag, o.tag)
	}
	opts, long := addFields(opts, o.fields, m.maxHead)
	if long != nil {
		return nil, nil, false
	}
	payload, x, err := c.Request(nil, &dialect.Request{
		Method: o.method, Target: o.target.String(), Body: o.payload.json,
	}, time.Now())
	if err != nil {
		return nil, nil, false // a body that only claims to be JSON
	}
	return &endpoint.Request{
		Code: code2(o.method), Options: opts, Body: bytes.NewReader(payload), Size: int64(len(payload)),
		Arrived: x.Arrived,
	}, x, true
}

// isVersion2 reports whether a request that arrived is of version 2.
func isVersion2(r *endpoint.Request) bool {
	switch r.Code {
	case endpoint.FETCH, endpoint.PUT, endpoint.POST:
	default:
		return false
	}
	return r.Body != nil && r.Size != 0 && !r.Options.Has(endpoint.URIPath) && !r.Options.Has(OptionEnvelope)
}

// errUnreadable2 answers a request of version 2 that means nothing.
func errUnreadable2(err error) *Error {
	return &Error{Status: http.StatusBadRequest, ErrCode: "M_UNRECOGNIZED", Message: "the request of wire version 2 is malformed", Err: err}
}

// decodeRequest2 restores the HTTP request of version 2, without credentials; read reads
// its payload. The error is wire2.ErrState, or a *Error.
func (m *Mapping) decodeRequest2(r *endpoint.Request, read func(*dialect.Request, []byte) error) (*http.Request, error) {
	payload, rest, err := readUpTo(r.Body, r.Size, m.maxJSON)
	if err != nil {
		return nil, unreadable(err)
	}
	if rest != nil {
		return nil, errTooLarge("the request is larger than the gateway converts")
	}
	var d dialect.Request
	var own *Error
	switch err := read(&d, payload); {
	case err == nil:
	case err == wire2.ErrTooLong:
		return nil, errTooLarge("the request is larger than the gateway converts")
	case err == wire2.ErrState, errors.As(err, &own):
		return nil, err
	default:
		return nil, errUnreadable2(err)
	}
	var t target
	t.path, t.query, t.forceQuery = strings.Cut(d.Target, "?")
	u, err := t.url()
	if err != nil || !validMethod(d.Method) {
		return nil, errUnreadable2(err)
	}
	req := &http.Request{
		Method: d.Method, URL: u, RequestURI: t.String(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: http.NoBody,
	}
	if d.Body != nil {
		req.Body, req.ContentLength = readCloser(d.Body), int64(len(d.Body))
		req.Header.Set("Content-Type", "application/json")
	}
	restoreFields(req.Header, optionFields(r.Options), inRequest)
	return req, nil
}
