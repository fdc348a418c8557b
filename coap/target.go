package coap

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/paths"
)

// target is a request target: escaped path and query, to the byte.
type target struct {
	path  string
	query string
	// forceQuery is a "?" without a query behind it.
	forceQuery bool
}

// WrittenPath is the path of a request that was received as its sender wrote it, byte for byte.
// URL.EscapedPath escapes what RFC 3986 §3.3 has no place for, as "^" and "|"; clients send it,
// and homeservers take it. What cannot stand in a request line (RFC 9112 §3.2.1) is escaped here,
// too. To send such a path, it is to be the Opaque of a URL.
func WrittenPath(u *url.URL) string {
	raw := u.RawPath
	if raw == "" || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '?' }) {
		return u.EscapedPath()
	}
	if path, err := url.PathUnescape(raw); err != nil || path != u.Path {
		return u.EscapedPath() // Path was changed, and RawPath is of before
	}
	return raw
}

// targetOf is the target of a request that is to be sent, as net/http would write it.
func targetOf(u *url.URL) target {
	t := target{path: u.EscapedPath(), query: u.RawQuery, forceQuery: u.ForceQuery && u.RawQuery == ""}
	switch {
	case strings.HasPrefix(u.Opaque, "/") && !strings.HasPrefix(u.Opaque, "//"):
		t.path = u.Opaque
	case t.path == "":
		t.path = "/"
	}
	return t
}

// String writes the target as it stands in an HTTP request line.
func (t target) String() string {
	if t.query == "" && !t.forceQuery {
		return t.path
	}
	return t.path + "?" + t.query
}

// errTarget says that a peer sent what cannot stand in an HTTP request line.
var errTarget = errors.New("coap: malformed request target")

// url parses the target as an HTTP server would (RFC 9112 §3.2.1). It refuses what
// would end the request line early.
func (t target) url() (*url.URL, error) {
	s := t.String()
	if !strings.HasPrefix(s, "/") || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, errTarget
	}
	u, err := url.ParseRequestURI(s)
	if err != nil {
		return nil, errTarget // the parser's own words repeat the query, which may hold a token
	}
	return u, nil
}

// maxOptionValue is the longest Uri-Path or Uri-Query (RFC 7252 §5.10).
const maxOptionValue = 255

// targetOptions writes the target as Uri-Path, Uri-Query and OptionForm. ok is
// false when options cannot carry it to the byte.
func (m *Mapping) targetOptions(t target, foldV3 bool) (opts endpoint.Options, ok bool) {
	segments, form, ok := m.paths.Shorten(t.path, foldV3)
	if !ok || t.forceQuery {
		return nil, false
	}
	opts = make(endpoint.Options, 0, len(segments)+8)
	for _, s := range segments {
		opts = append(opts, endpoint.Option{Number: endpoint.URIPath, Value: []byte(s)})
	}
	if t.query != "" {
		args, style, ok := paths.SplitQuery(t.query)
		if !ok {
			return nil, false
		}
		form.Query = style
		for _, a := range args {
			if len(a) > maxOptionValue {
				return nil, false
			}
			opts = append(opts, endpoint.Option{Number: endpoint.URIQuery, Value: []byte(a)})
		}
	}
	if form != (paths.Form{}) {
		opts = opts.AddUint(OptionForm, uint32(form.Byte()^commonForm()))
	}
	return opts, true
}

// commonForm is exclusive-ored into the value of OptionForm, so that the commonest
// form, a /v3/ path in the escaping of RFC 7252 §6.5, is the empty value.
func commonForm() uint8 { return paths.Form{V3: true}.Byte() }

// plainTargetOptions writes the target for a peer that is no coapgw: the same
// path and query, though maybe escaped differently when they come out.
func (m *Mapping) plainTargetOptions(t target) (endpoint.Options, *Error) {
	path := t.path
	if p, err := reescape(path); err == nil {
		path = p
	}
	opts, ok := m.targetOptions(target{path: path}, m.foldV3)
	args, err := decodeQuery(t.query)
	if !ok || err != nil {
		return nil, errNotCarried("a path or query with these characters or of this length")
	}
	for _, a := range args {
		opts = opts.AddString(endpoint.URIQuery, a)
	}
	if n := opts.EncodedSize(); n > 2*m.maxHead-minBlock {
		return nil, errNotCarried("a path and query of %d bytes on this link", n)
	}
	return opts.Remove(OptionForm), nil
}

// minBlock is room for the smallest block and its options beside a long target.
const minBlock = 48

// reescape gives a path an escaping that options carry.
func reescape(path string) (string, error) {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		raw, err := url.PathUnescape(s)
		if err != nil {
			return "", err
		}
		segments[i] = url.PathEscape(raw)
	}
	return strings.Join(segments, "/"), nil
}

// errArgument says that an argument of a query is no legal Uri-Query: longer than
// 255 bytes, no UTF-8, or with an escaped "=" in its key, which would end there.
var errArgument = errors.New("coap: a query argument cannot be carried")

// decodeQuery returns the arguments of a query as forms read them (a "+" is a
// space), because the peer may have another reader than RFC 7252 §6.5.
func decodeQuery(query string) ([]string, error) {
	if query == "" {
		return nil, nil
	}
	args := strings.Split(query, "&")
	for i, a := range args {
		raw, err := url.QueryUnescape(a)
		if err != nil {
			return nil, err
		}
		key, _, _ := strings.Cut(a, "=")
		rawKey, _, _ := strings.Cut(raw, "=")
		if plain, err := url.QueryUnescape(key); err != nil || plain != rawKey || len(raw) > maxOptionValue || !utf8.ValidString(raw) {
			return nil, errArgument
		}
		args[i] = raw
	}
	return args, nil
}

// readTarget restores the target from options (RFC 7252 §6.5).
func (m *Mapping) readTarget(opts endpoint.Options) (target, *Error) {
	var form paths.Form
	if v, ok := opts.Get(OptionForm); ok && len(v) <= 1 {
		// The option is elective: a form of a later version is read as none.
		if f, err := paths.ParseForm(uint8(endpoint.DecodeUint(v)) ^ commonForm()); err == nil {
			form = f
		}
	}
	var segments, args []string
	for _, o := range opts {
		switch o.Number {
		case endpoint.URIPath:
			segments = append(segments, string(o.Value))
		case endpoint.URIQuery:
			args = append(args, string(o.Value))
		}
	}
	path, err := m.paths.Expand(segments, form)
	if err != nil {
		return target{}, &Error{Status: http.StatusNotFound, ErrCode: "M_UNRECOGNIZED", Message: "the path is not in the table", Err: err}
	}
	return target{path: path, query: paths.JoinQuery(args, form.Query)}, nil
}
