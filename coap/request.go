package coap

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// errNeedsGateway says that how a request is carried depends on whether the peer is
// a coapgw: find out who it is, then encode again.
var errNeedsGateway = errors.New("coap: the request needs a peer that is known")

// outgoing is an HTTP request taken apart once, so that it can be encoded for
// another peer or sent again.
type outgoing struct {
	method  string
	target  target
	path    string // escaped, for people
	fields  []field
	payload payload
	// token is the access token, and loose that of an Authorization header that goes as it is,
	// among fields: it says the token in another way than the link restores, or is longer
	// than an option may be here. One of them is empty.
	token, loose string
	// tag asks the peer whether an answer of that entity-tag still holds; nil for none.
	tag []byte
}

// prepareRequest reads what travels of an HTTP request. It reads the whole body
// when that is JSON.
func (m *Mapping) prepareRequest(r *http.Request) (*outgoing, error) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	if !validMethod(method) {
		return nil, &Error{Status: http.StatusMethodNotAllowed, ErrCode: "M_UNRECOGNIZED", Message: "the method cannot be carried"}
	}
	out := &outgoing{method: method, target: targetOf(r.URL), path: cmp.Or(r.URL.EscapedPath(), "/")}
	ct, hasType := r.Header["Content-Type"]
	p, err := m.takeBody(r.Body, requestSize(r), strings.Join(ct, ", "), hasType, isUpload(out.target.path))
	if err == nil {
		err = p.hold()
	}
	if err != nil {
		return nil, err
	}
	out.payload = p
	out.token, out.loose = accessToken(r.Header)
	for _, f := range fields(r.Header, inRequest) {
		switch {
		case f.name == "Content-Type":
			continue // restored from the format, or added below
		case f.name == "Authorization" && out.token != "":
			continue // travels as OptionAccessToken or OptionSlot
		}
		out.fields = append(out.fields, f)
	}
	out.takeTag()
	// A type without content tells the homeserver nothing; clients send it with
	// every GET.
	if p.explicit && p.content() {
		out.fields = append(out.fields, field{"Content-Type", p.contentType})
	}
	return out, nil
}

func requestSize(r *http.Request) int64 {
	if r.Body == nil || r.Body == http.NoBody {
		return 0
	}
	if r.ContentLength == 0 {
		// A client's request with a Body and no length: http.Request documents 0
		// as unknown there.
		return -1
	}
	return r.ContentLength
}

// encode makes the CoAP request for a peer of that kind. Credentials and what the
// session announces about itself are added by the session.
func (o *outgoing) encode(m *Mapping, kind PeerKind) (*endpoint.Request, error) {
	code, exactMethod := methodCode(o.method, o.payload.content())
	if kind == PeerForeign {
		return o.encodeForeign(m, code)
	}
	opts, exactTarget := m.targetOptions(o.target, kind == PeerGateway)
	// A body without a path would be a request of version 2.
	pathless := o.payload.content() && !opts.Has(endpoint.URIPath)
	if !exactTarget || pathless || opts.EncodedSize() > m.maxHead {
		opts, exactTarget = nil, false
	}
	if kind == PeerGateway && o.tag != nil {
		opts = opts.Add(endpoint.ETag, o.tag)
	}
	opts, long := addFields(opts, o.fields, m.maxHead)
	special := !exactMethod || !exactTarget || long != nil || o.loose != "" || o.payload.tagged(m)
	if kind != PeerGateway && (special || !o.payload.replayable()) {
		// A body that can be read once must not meet a peer that refuses it for
		// what it does not know of us.
		return nil, errNeedsGateway
	}
	if !exactMethod {
		opts = opts.AddString(OptionMethod, o.method)
	}
	p := o.payload.encode(m.v1)
	if p.hasFormat {
		opts = opts.AddUint(endpoint.ContentFormat, p.format)
	}
	req := &endpoint.Request{Code: code, Options: opts, Body: p.body, Size: p.size}
	if exactTarget && long == nil {
		return req, nil
	}
	// What does not fit options goes in front of the body, once.
	items := []string{""}
	if !exactTarget {
		items[0] = o.target.String()
	}
	head, err := appendEnvelope(append(items, fieldItems(long)...))
	if err != nil {
		return nil, &Error{Status: http.StatusRequestURITooLong, ErrCode: "M_TOO_LARGE", Message: "the path, query and headers are too long", Err: err}
	}
	req.Options = req.Options.Add(OptionEnvelope, nil)
	if req.Code == endpoint.GET {
		req.Code = endpoint.FETCH // RFC 8132 §2: a GET with a payload
	}
	prependBody(&req.Body, &req.Size, head)
	return req, nil
}

// encodeForeign makes the request for a peer that knows no options of ours.
func (o *outgoing) encodeForeign(m *Mapping, code endpoint.Code) (*endpoint.Request, error) {
	content := o.payload.content()
	switch {
	case o.method == http.MethodHead:
		code = endpoint.GET // RFC 8075 has no HEAD: the content is dropped on arrival
	case o.method == http.MethodDelete && content:
		code = endpoint.DELETE // the best there is; MSC3079 peers read it
	}
	if method, ok := codeMethod(code); (!ok || method != o.method) && o.method != http.MethodHead {
		return nil, errNotCarried("the method %s", o.method)
	}
	if code == endpoint.FETCH || o.method == http.MethodHead && content {
		return nil, errNotCarried("a %s with content", o.method)
	}
	opts, problem := m.plainTargetOptions(o.target)
	if problem != nil {
		return nil, problem
	}
	p := o.payload.encode(m.foreign)
	if p.hasFormat {
		opts = opts.AddUint(endpoint.ContentFormat, p.format)
	}
	return &endpoint.Request{Code: code, Options: opts, Body: p.body, Size: p.size}, nil
}

func prependBody(body *io.Reader, size *int64, head []byte) {
	if *body == nil {
		*body, *size = bytes.NewReader(head), int64(len(head))
		return
	}
	*body = withCloser{io.MultiReader(bytes.NewReader(head), *body), *body}
	if *size >= 0 {
		*size += int64(len(head))
	}
}

// decodeRequest restores the HTTP request, without credentials.
func (m *Mapping) decodeRequest(r *endpoint.Request) (*http.Request, *Error) {
	method, ok := codeMethod(r.Code)
	if name, has := r.Options.Get(OptionMethod); has {
		method, ok = string(name), validMethod(string(name))
	}
	if !ok {
		return nil, &Error{Status: http.StatusMethodNotAllowed, ErrCode: "M_UNRECOGNIZED", Message: "the method is not known"}
	}
	fs := optionFields(r.Options)
	body, size := r.Body, r.Size
	var t target
	enveloped := ""
	if r.Options.Has(OptionEnvelope) {
		items, rest, restSize, err := openEnvelope(body, size)
		if err != nil || len(items) == 0 {
			return nil, &Error{Status: http.StatusBadRequest, ErrCode: "M_UNRECOGNIZED", Message: "the envelope is malformed", Err: err}
		}
		enveloped, body, size = items[0], rest, restSize
		fs = append(fs, envelopeFields(items[1:])...)
	}
	if enveloped != "" {
		t.path, t.query, t.forceQuery = strings.Cut(enveloped, "?")
	} else {
		var problem *Error
		if t, problem = m.readTarget(r.Options); problem != nil {
			return nil, problem
		}
	}
	u, err := t.url()
	if err != nil {
		return nil, &Error{Status: http.StatusBadRequest, ErrCode: "M_UNRECOGNIZED", Message: "the path is malformed", Err: err}
	}
	req := &http.Request{
		Method: method, URL: u, RequestURI: t.String(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header),
	}
	if problem := m.requestBody(req, body, size, r.Options); problem != nil {
		return nil, problem
	}
	restoreFields(req.Header, fs, inRequest)
	return req, nil
}

// requestBody restores content and Content-Type of a request that arrived.
func (m *Mapping) requestBody(req *http.Request, body io.Reader, size int64, opts endpoint.Options) *Error {
	format, hasFormat := opts.GetUint(endpoint.ContentFormat)
	content, length, ct, err := m.decodeBody(body, size, format, hasFormat)
	if err != nil {
		return unreadable(err)
	}
	req.Body, req.ContentLength = http.NoBody, 0
	if content != nil {
		req.Body, req.ContentLength = io.NopCloser(content), length
	}
	if ct != "" {
		req.Header.Set("Content-Type", ct)
	}
	return nil
}

// unreadable is the answer to a request of which the body could not be read.
func unreadable(err error) *Error {
	var problem *Error
	if errors.As(err, &problem) {
		return problem
	}
	return &Error{Status: http.StatusBadRequest, ErrCode: "M_UNKNOWN", Message: "the request did not arrive whole", Err: err}
}

// restoreFields sets received headers; an explicit Content-Type replaces the one
// that the format stood for, and an empty one means that there was none.
func restoreFields(h http.Header, fs []field, pick func(headerRow) bool) {
	for _, f := range fs {
		if f.name == "Content-Type" {
			h.Del("Content-Type")
			if f.value == "" {
				fs = without(fs, "Content-Type")
			}
			break
		}
	}
	setFields(h, fs, pick)
}

func without(fs []field, name string) []field {
	r := make([]field, 0, len(fs))
	for _, f := range fs {
		if f.name != name {
			r = append(r, f)
		}
	}
	return r
}

// accessToken returns the access token of a request that travels as OptionAccessToken or
// OptionSlot, of which the other end makes "Bearer " and the token again. loose is the token
// where that would be another header than there was: homeservers do not all read a second
// one, another case or more spaces (RFC 6750 §2.1, RFC 9110 §11.1), so it goes as it is.
func accessToken(h http.Header) (token, loose string) {
	lines := h["Authorization"]
	if len(lines) == 0 {
		return "", ""
	}
	token, ok := bearer(lines[0])
	switch {
	case !ok:
		return "", ""
	case len(lines) > 1, lines[0] != "Bearer "+token, tokenValue([]byte(token)) != token:
		return "", token
	}
	return token, ""
}

// hasCredentials reports whether any Authorization header says something.
func hasCredentials(h http.Header) bool {
	return slices.ContainsFunc(h["Authorization"], func(v string) bool { return v != "" })
}

// errNoTokens refuses a request with credentials, whatever their form, where NoTokens is set.
func errNoTokens() *Error {
	return &Error{Status: http.StatusForbidden, ErrCode: "M_FORBIDDEN", Message: "no access token may go over this link"}
}

// loosen has the Authorization header go as it is from now on; it fails if it does already.
func (o *outgoing) loosen() bool {
	if o.token == "" {
		return false
	}
	o.fields = append(o.fields, field{"Authorization", "Bearer " + o.token})
	o.token, o.loose = "", o.token
	return true
}

// bearer returns the access token of an Authorization header (RFC 6750 §2.1; the scheme is
// case-insensitive, RFC 9110 §11.1).
func bearer(authorization string) (token string, ok bool) {
	scheme, token, found := strings.Cut(authorization, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	token = strings.TrimLeft(token, " ")
	return token, token != ""
}
