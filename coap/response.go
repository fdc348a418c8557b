package coap

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// answer is an HTTP response on its way to a CoAP peer.
type answer struct {
	status int
	header http.Header
	// body is nil when there is none; size is its length, -1 when unknown.
	body io.Reader
	size int64
}

// audience says for whom a response is made.
type audience struct {
	gateway bool
	// head: the request was a HEAD.
	head bool
	// stringKeys: the peer has not shown that it knows integer keys.
	stringKeys bool
	// accept is the only Content-Format that the peer takes (RFC 7252 §5.10.4), if accepts.
	accept  uint32
	accepts bool
	// download: the request was for a file.
	download bool
	// tag is that of an answer which the peer has; nil for none.
	tag []byte
	// code makes the payload where the request is of version 2, else nil.
	code coding
}

// encodeResponse makes the CoAP response.
func (m *Mapping) encodeResponse(a answer, to audience) (*endpoint.Response, error) {
	code, exact := statusCode(a.status)
	resp := &endpoint.Response{Code: code}
	if !exact && to.gateway {
		resp.Options = resp.Options.AddUint(OptionStatus, uint32(a.status))
	}
	if to.head || !hasContent(a.status) {
		a.body, a.size = nil, 0
	}
	p, err := m.encodeResponseBody(a, to)
	if err != nil {
		return nil, err
	}
	if to.accepts && to.code == nil && p.body != nil && code.Class() == 2 && !(p.hasFormat && p.format == to.accept) {
		_ = closeBody(p.body)
		return &endpoint.Response{Code: endpoint.NotAcceptable}, nil
	}
	resp.Body, resp.Size = p.body, p.size
	if exact && to.gateway && p.body == nil && byMessageLayer(code) {
		// Without it the peer would take this for the message layer's own.
		resp.Options = resp.Options.AddUint(OptionStatus, uint32(a.status))
	}
	if p.hasFormat {
		resp.Options = resp.Options.AddUint(endpoint.ContentFormat, p.format)
	}
	seconds, inMaxAge := retrySeconds(a)
	if inMaxAge {
		resp.Options = resp.Options.AddUint(endpoint.MaxAge, seconds) // RFC 8516 §3
	}
	if !to.gateway {
		return resp, nil
	}
	fs := a.fields(p, to.head, inMaxAge)
	var long []field
	if resp.Options, long = addFields(resp.Options, fs, m.maxHead); long == nil {
		return resp, nil
	}
	head, err := appendEnvelope(fieldItems(long))
	if err != nil {
		return nil, err
	}
	resp.Options = resp.Options.Add(OptionEnvelope, nil)
	prependBody(&resp.Body, &resp.Size, head)
	return resp, nil
}

func (m *Mapping) encodeResponseBody(a answer, to audience) (payload, error) {
	ct, hasType := a.header["Content-Type"]
	contentType := strings.Join(ct, ", ")
	if to.accepts && to.accept == formatJSON && isJSON(contentType) && a.body != nil && a.size != 0 {
		return payload{body: a.body, size: a.size, format: formatJSON, hasFormat: true}, nil
	}
	// The part of a whole is told by its bytes (RFC 9110 §14.4), whatever it is.
	file := to.download && a.status < http.StatusMultipleChoices || a.status == http.StatusPartialContent
	p, err := m.takeBody(a.body, a.size, contentType, hasType, file)
	if err != nil {
		return p, err
	}
	if to.code != nil {
		if coded, ok := payload2(p, a.status, contentType, to.head || !hasContent(a.status), to.code); ok {
			return coded, nil
		}
	}
	switch {
	case to.gateway && !p.content() && contentType == "application/json":
		// As to a HEAD: the format alone says it.
		p.format, p.hasFormat, p.explicit = formatJSON, true, false
		return p, nil
	case to.gateway:
		p = p.encode(m.v1)
		if to.code != nil && p.content() && !p.hasFormat {
			// Without a format it would be read as a payload of version 2.
			p.format, p.hasFormat, p.explicit = formatOctets, true, true
		}
		return p, nil
	case to.stringKeys:
		return p.encode(m.plain), nil
	}
	return p.encode(m.foreign), nil
}

// fields picks the headers that travel beside the body.
func (a answer) fields(p payload, head, inMaxAge bool) []field {
	json := p.hasFormat && (p.format == formatCBOR || p.format == formatJSON) || isJSON(a.header.Get("Content-Type"))
	pick := inMedia
	if json {
		pick = inAnswer
	}
	var fs []field
	for _, f := range fields(a.header, pick) {
		switch {
		case f.name == "Content-Type",
			f.name == "Content-Length" && !head,
			f.name == "Retry-After" && inMaxAge:
			continue
		}
		fs = append(fs, f)
	}
	if p.explicit {
		fs = append(fs, field{"Content-Type", p.contentType})
	}
	return fs
}

// retrySeconds returns Retry-After where Max-Age says the same: as seconds, with
// 4.29 or 5.03 (RFC 8516 §3, RFC 7252 §5.9.3.4).
func retrySeconds(a answer) (seconds uint32, ok bool) {
	if a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable {
		return 0, false
	}
	if len(a.header["Retry-After"]) != 1 {
		return 0, false
	}
	text := a.header["Retry-After"][0]
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return 0, false
	}
	return uint32(n), true
}

// decodeResponse restores the HTTP response to r from a peer of that kind.
func (m *Mapping) decodeResponse(resp *endpoint.Response, r *http.Request, kind PeerKind) (*http.Response, error) {
	out := &http.Response{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Request: r, Body: http.NoBody,
	}
	out.StatusCode = codeStatus(resp.Code)
	body, size := resp.Body, resp.Size
	fs := []field(nil)
	if kind == PeerGateway {
		if v, ok := resp.Options.GetUint(OptionStatus); ok && v >= 200 && v <= 999 {
			out.StatusCode = int(v)
		}
		fs = optionFields(resp.Options)
		if resp.Options.Has(OptionEnvelope) {
			items, rest, restSize, err := openEnvelope(body, size)
			if err != nil {
				return nil, &Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the envelope of the response is malformed", Err: err}
			}
			body, size = rest, restSize
			fs = append(fs, envelopeFields(items)...)
		}
	} else if out.StatusCode == http.StatusOK && size == 0 && resp.Code != endpoint.Content {
		out.StatusCode = http.StatusNoContent // RFC 8075 §7, note 2
	}
	out.Status = strconv.Itoa(out.StatusCode) + " " + http.StatusText(out.StatusCode)
	if v, ok := resp.Options.GetUint(endpoint.MaxAge); ok &&
		(resp.Code == endpoint.TooManyRequests || resp.Code == endpoint.ServiceUnavailable) {
		out.Header.Set("Retry-After", strconv.FormatUint(uint64(v), 10))
	}
	if size == 0 && byMessageLayer(resp.Code) && !resp.Options.Has(OptionStatus) {
		_ = closeBody(body)
		problem := layerError(resp.Code).Body()
		body, size = bytes.NewReader(problem), int64(len(problem))
		resp.Options = endpoint.Options(nil).AddUint(endpoint.ContentFormat, formatJSON)
	}
	if err := m.responseBody(out, body, size, resp.Options); err != nil {
		return nil, err
	}
	if _, streams := out.Body.(responseReader); streams && kind != PeerGateway {
		if _, whole := body.(*bytes.Reader); !whole {
			// Size2 is an estimate (RFC 7959 §4), of a gateway alone the homeserver's word: it may be
			// reckoned with, but nil keeps it from being told.
			out.Header["Content-Length"] = nil
		}
	}
	restoreFields(out.Header, fs, inResponse)
	if r.Method == http.MethodHead {
		_ = out.Body.Close()
		out.Body, out.ContentLength = http.NoBody, -1
		if n, err := strconv.ParseInt(out.Header.Get("Content-Length"), 10, 64); err == nil {
			out.ContentLength = n
		}
		return out, nil
	}
	return out, nil
}

// byMessageLayer reports whether a response without content and OptionStatus is the
// peer's message layer speaking, not its homeserver.
func byMessageLayer(code endpoint.Code) bool {
	return code == endpoint.RequestEntityTooLarge || code == endpoint.ServiceUnavailable
}

// layerError says to a Matrix client what the peer's message layer said.
func layerError(code endpoint.Code) *Error {
	if code == endpoint.RequestEntityTooLarge {
		return errTooLarge("the request is larger than the gateway at the other end takes")
	}
	return &Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: "the gateway at the other end is busy"}
}

// responseBody restores content and Content-Type of a response that arrived.
func (m *Mapping) responseBody(out *http.Response, body io.Reader, size int64, opts endpoint.Options) error {
	format, hasFormat := opts.GetUint(endpoint.ContentFormat)
	content, length, ct, err := m.decodeBody(body, size, format, hasFormat)
	if err != nil {
		_ = closeBody(body)
		var problem *Error
		if errors.As(err, &problem) { // our own words, but the fault is the peer's
			problem.Status = http.StatusBadGateway
			return problem
		}
		return exchangeError(err)
	}
	if ct != "" {
		out.Header.Set("Content-Type", ct)
	}
	if content == nil {
		_ = closeBody(body)
		return nil
	}
	out.ContentLength = length
	switch {
	case hasFormat && format == formatCBOR:
		_ = closeBody(body)
		out.Body = io.NopCloser(content)
	default:
		out.Body = responseReader{content, body}
	}
	return nil
}

// responseReader is a body that still comes over the link.
type responseReader struct {
	io.Reader
	under io.Reader
}

// Read translates what the link reports.
func (r responseReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = exchangeError(err)
	}
	return n, err
}

func (r responseReader) Close() error { return closeBody(r.under) }

// errorAnswer is the answer that says problem.
func errorAnswer(problem *Error) answer {
	body := problem.Body()
	return answer{
		status: problem.Status,
		header: http.Header{"Content-Type": {"application/json"}},
		body:   bytes.NewReader(body), size: int64(len(body)),
	}
}
