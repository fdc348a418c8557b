package dialect

import (
	"bytes"
	"slices"
	"strings"

	"github.com/coapgw/coapgw/coap/paths"
)

// Request is an HTTP request without its headers.
type Request struct {
	// Method is the HTTP method.
	Method string
	// Target is the request target in origin-form (RFC 9112 §3.2.1): the escaped
	// path and, behind "?", the query.
	Target string
	// Body is the body, a JSON text unless Opaque is set; nil if there is none.
	Body []byte
	// Opaque says that the body is not JSON. It is not in the payload: the
	// Content-Format tells, so who decodes sets it before.
	Opaque bool
}

// A request is a CBOR sequence (RFC 8742):
//
//	[form] route param… [query] [body]
//
// Form is a negative integer, route an integer, or text with method and target, query
// an array. Undefined says that there is no query or no body, where leaving them out
// would say something else.

// takesBody says whether a request of this method without a body item has the body
// {}, and not none.
func takesBody(method string) bool {
	return method == "PUT" || method == "POST" || method == "PATCH"
}

// AppendRequest appends r to dst. x may be nil. The error is ErrRequest, a
// *cborcodec.SyntaxError or a *cborcodec.LimitError; dst then comes back with its
// old length.
func (c *Codec) AppendRequest(dst []byte, r *Request, x *Context) ([]byte, error) {
	if !legalRequest(r) {
		return dst, ErrRequest
	}
	s := c.begin(x)
	defer c.end(s)
	s.base = len(dst)
	s.x.Private, s.x.Sync, s.x.Route = isPrivate(r), Sync{}, OtherRoute
	asked := s.ask(r)
	out, query := s.appendTarget(dst, r, asked)
	if !s.stuck || r.Method == "GET" {
		var err error
		if out, err = s.appendRequestBody(out, r, query); err != nil {
			return dst, err
		}
	}
	s.noteSync(r, asked)
	if s.x.Refer != nil && s.sends(r) {
		// As the other end will have it.
		if item, err := c.plain.AppendCBOR(nil, r.Body); err == nil {
			if body, err := c.plain.AppendJSON(nil, item); err == nil {
				s.remember(body)
			}
		}
	}
	s.finish()
	return out, nil
}

// sends reports whether a request sends an event that will come back.
func (s *state) sends(r *Request) bool {
	if s.x.Route == OtherRoute || s.x.Private || r.Opaque {
		return false
	}
	parts := routes.rows[s.x.Route].parts
	return r.Method == "PUT" && len(parts) > 3 && parts[len(parts)-1].literal == transactionParam && parts[len(parts)-3].literal == "send"
}

// transactionParam is the parameter of routes that is a transaction ID.
const transactionParam = "{txnId}"

// appendTarget appends everything before the body, and says whether the last item is
// the query.
func (s *state) appendTarget(dst []byte, r *Request, asked string) (out []byte, query bool) {
	path, rawQuery, hasQuery := strings.Cut(r.Target, "?")
	segments, form, ok := new(paths.Table).Shorten(path, false)
	if !ok {
		return appendLiteralRoute(dst, r), false
	}
	route, ok := routes.match(r.Method, segments)
	if !ok {
		return appendLiteralRoute(dst, r), false
	}
	// Asked before the parameters: a sync has none.
	sticky, _ := s.appendSticky(nil, rawQuery, asked)
	var args []string
	split := false
	if !s.stuck {
		args, form.Query, split = paths.SplitQuery(rawQuery)
	}
	if b := form.Byte(); b != 0 {
		dst = appendHead(dst, majorNegative, uint64(b)-1)
	}
	s.x.Route = route
	dst = appendHead(dst, majorUint, uint64(route))
	for i, p := range routes.rows[route].parts {
		if p.param {
			at := len(dst)
			if p.literal == transactionParam {
				s.key = keyNamed
			}
			dst = s.appendValue(dst, segments[i])
			s.key = keyOther
			if p.literal == transactionParam {
				s.style = s.style.with(form.Byte(), dst[at:])
			}
		}
	}
	if !hasQuery {
		return dst, false
	}
	if s.stuck {
		return append(dst, sticky...), true
	}
	if split {
		if out, ok := s.appendQuery(dst, args); ok {
			return out, true
		}
	}
	return appendText(append(dst, majorArray<<5|1), []byte(rawQuery)), true
}

// appendLiteralRoute appends method and target as they are.
func appendLiteralRoute(dst []byte, r *Request) []byte {
	dst = appendHead(dst, majorText, uint64(len(r.Method)+1+len(r.Target)))
	return append(append(append(dst, r.Method...), ' '), r.Target...)
}

// appendValue appends a path parameter or the value of a query argument.
func (s *state) appendValue(dst []byte, value string) []byte {
	s.value = append(s.value[:0], value...)
	if out, ok := s.AppendString(dst, s.value); ok {
		return out
	}
	return appendText(dst, s.value)
}

// appendRequestBody appends the body. An array without a query before it would be
// taken for the query, and so would a reference behind a row: undefined takes its place.
func (s *state) appendRequestBody(dst []byte, r *Request, query bool) ([]byte, error) {
	if r.Opaque {
		if !query {
			dst = append(dst, itemUndefined)
		}
		return append(dst, r.Body...), nil
	}
	assumed := takesBody(r.Method)
	if r.Body == nil {
		switch {
		case !assumed:
			return dst, nil
		case query:
			return append(dst, itemUndefined), nil
		default:
			return append(dst, itemUndefined, itemUndefined), nil
		}
	}
	if assumed && string(r.Body) == emptyObject {
		return dst, nil
	}
	if !query && bytes.HasPrefix(bytes.TrimLeft(r.Body, " \t\r\n"), []byte{'['}) {
		dst = append(dst, itemUndefined)
	}
	start := len(dst)
	out, err := s.codec.AppendCBOR(dst, r.Body)
	if err == nil && !query && s.x.Route != OtherRoute && out[start] == majorTag<<5|tagReference {
		out = slices.Insert(out, start, itemUndefined)
	}
	return out, err
}

// legalRequest says whether the method is a token as HTTP's methods are, and the
// target in origin-form.
func legalRequest(r *Request) bool {
	if r.Method == "" || r.Target == "" || r.Target[0] != '/' {
		return false
	}
	for i := range len(r.Method) {
		if c := r.Method[i]; (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	for i := range len(r.Target) {
		if c := r.Target[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
