package dialect

import (
	"strings"

	"github.com/coapgw/coapgw/coap/paths"
)

// A client asks for the next sync as it asked for the last, but for the place from which it
// goes on. So what it asks is the reference of that place alone, where the note there says
// the same otherwise: the query and, of a POST, the body too.

// isPosition says whether the value of an argument is a place in a sync or a timeline,
// which the homeserver has named.
func isPosition(key string) bool {
	switch key {
	case "since", "from", "to", "pos":
		return true
	}
	return false
}

// placeArgument returns how the argument begins that says from where a sync goes on; ""
// if a request is none.
func placeArgument(method, path string) string {
	switch {
	case !strings.HasPrefix(path, "/_matrix/client/") || !strings.HasSuffix(path, "/sync"):
		return ""
	case method == "GET":
		return "since="
	case method == "POST": // sliding sync, MSC3575 and MSC4186
		return slidingPlace
	}
	return ""
}

// slidingPlace begins that argument of a sliding sync.
const slidingPlace = "pos="

// place returns the value in a query of the argument that begins so, as it stands there.
func place(query, argument string) (value string, ok bool) {
	for arg := range strings.SplitSeq(query, "&") {
		if value, ok := strings.CutPrefix(arg, argument); ok {
			return value, true
		}
	}
	return "", false
}

// unescapePlace decodes a value of place; false if that is nothing.
func unescapePlace(value string) (string, bool) {
	if !strings.ContainsAny(value, "%+") {
		return value, value != ""
	}
	value, ok := unescape(value, true)
	return value, ok && value != ""
}

// withPlace returns a query with another value of that argument, escaped in the style of the query;
// ok is false if the argument is not there once, or there is no such style.
func withPlace(query, argument, value string) (out string, ok bool) {
	begin, end, at := -1, 0, 0
	for arg := range strings.SplitSeq(query, "&") {
		if strings.HasPrefix(arg, argument) {
			if begin >= 0 {
				return "", false // which of both is meant?
			}
			begin, end = at, at+len(arg)
		}
		at += len(arg) + 1
	}
	if begin < 0 {
		return "", false
	}
	placed := argument + value
	if !isUnreserved(value) {
		_, style, ok := paths.SplitQuery(query)
		if !ok {
			return "", false
		}
		placed = paths.JoinQuery([]string{placed}, style)
	}
	return query[:begin] + placed + query[end:], true
}

// isUnreserved says whether every style of escaping leaves s as it is (RFC 3986 §2.3, but
// for the tilde).
func isUnreserved(s string) bool {
	for i := range len(s) {
		if c := s[i]; kinds[c]&hasOther != 0 && c != '.' || c == '+' || c == '/' || c == '=' {
			return false
		}
	}
	return true
}

// bodyMark stands in what is asked between the query and the body, an item. It is in no
// query.
const bodyMark = " "

// ask returns what a request asks, "" if it is no sync: the query, and for a POST the body
// as it is without a context, which is short.
func (s *state) ask(r *Request) string {
	path, query, _ := strings.Cut(r.Target, "?")
	switch s.argument = placeArgument(r.Method, path); {
	case s.argument == "" || r.Opaque:
		return ""
	case r.Method == "GET":
		return query
	case r.Body == nil:
		return ""
	}
	// Twice, since the other end has the body without needless escapes.
	item, err := s.owner.AppendBody(nil, r.Body, nil)
	if err != nil {
		return ""
	}
	body, err := s.owner.AppendJSON(nil, item, nil)
	if err != nil {
		return ""
	}
	if item, err = s.owner.AppendBody(item[:0], body, nil); err != nil {
		return ""
	}
	return query + bodyMark + string(item)
}

// noteSync says what a sync asked, and where it goes on.
func (s *state) noteSync(r *Request, asked string) {
	if asked == "" {
		return
	}
	s.x.Sync.Query = asked
	_, query, _ := strings.Cut(r.Target, "?")
	value, _ := place(query, s.argument)
	if since, ok := unescapePlace(value); ok {
		s.x.Sync.Since, s.x.Sync.From = since, s.since
	}
}

// appendSticky appends what a sync asks as a reference.
func (s *state) appendSticky(dst []byte, query, asked string) (out []byte, ok bool) {
	if asked == "" || !s.refers() {
		return dst, false
	}
	value, _ := place(query, s.argument)
	since, ok := unescapePlace(value)
	if !ok {
		return dst, false
	}
	ref, ok := s.x.Refer.Find([]byte(since))
	if !ok {
		return dst, false
	}
	note := s.x.Refer.Note(ref)
	if note == nil || !s.goesOn(note, since, asked) {
		return dst, false
	}
	s.since, s.stuck = note, true
	return appendInt(appendHead(dst, majorTag, tagReference), ref), true
}

// goesOn says whether what a note says was asked is the same, but from there.
func (s *state) goesOn(note *Note, since, asked string) bool {
	query, body, post := strings.Cut(note.Query, bodyMark)
	same, ok := withPlace(query, s.argument, since)
	if post {
		same += bodyMark + body
	}
	return ok && same == asked
}

// noteReference notes what is remembered with the place from which a sync goes on, an item
// that was just written or is about to be read.
func (s *state) noteReference(key string, item []byte, note func(ref int64) *Note) {
	in := items{src: item}
	initial, ok := in.peek()
	if s.argument != key+"=" || s.since != nil || !ok || initial != majorTag<<5|tagReference {
		return
	}
	in.pos++
	if ref, err := in.int(); err == nil {
		s.since = note(ref)
	}
}

// readSticky is the inverse of appendSticky.
func (s *state) readSticky(r *Request, in *items) error {
	in.pos++
	ref, err := in.int()
	if err != nil {
		return err
	}
	if s.argument == "" {
		return errItem // no sync, and nothing goes on
	}
	if s.x.Solve == nil {
		return ErrReference
	}
	since, ok := s.x.Solve.Resolve(ref)
	note := s.x.Solve.Note(ref)
	if !ok || note == nil || note.Query == "" {
		return ErrReference
	}
	query, body, post := strings.Cut(note.Query, bodyMark)
	query, ok = withPlace(query, s.argument, string(since))
	if !ok || post != (r.Method == "POST") {
		return ErrReference
	}
	r.Target += "?" + query
	if !legalRequest(r) {
		return ErrRequest
	}
	s.since = note
	if !post {
		return nil
	}
	s.stuck = true
	if r.Opaque {
		return errItem
	}
	if in.rest() > 0 {
		return errTrailing
	}
	r.Body, err = s.owner.AppendJSON(r.Body[:0], []byte(body), nil)
	return err
}
