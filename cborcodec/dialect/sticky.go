package dialect

import (
	"bytes"
	"strings"
)

// A client asks for the next /sync as it asked for the last, but for since. So the query
// is the reference of that sync token alone, where the query that it came from, with
// since in its place, is this one.

// isPosition says whether the value of an argument is a place in a sync or a timeline,
// which the homeserver has named.
func isPosition(key string) bool {
	switch key {
	case "since", "from", "to", "pos":
		return true
	}
	return false
}

// sinceArgument begins the argument of a query that is a sync token.
const sinceArgument = "since="

// sinceOf returns the sync token in a query as it stands there.
func sinceOf(query string) (since string, ok bool) {
	for arg := range strings.SplitSeq(query, "&") {
		if since, ok := strings.CutPrefix(arg, sinceArgument); ok {
			return since, true
		}
	}
	return "", false
}

// withSince returns a query with another sync token; ok is false if it has none.
func withSince(query, since string) (string, bool) {
	old, ok := sinceOf(query)
	if !ok {
		return "", false
	}
	at := 0
	if !strings.HasPrefix(query, sinceArgument) {
		at = strings.Index(query, "&"+sinceArgument) + 1
	}
	at += len(sinceArgument)
	return query[:at] + since + query[at+len(old):], true
}

// noteSync sees whether a request is a /sync, and where it goes on.
func (s *state) noteSync(r *Request) {
	path, query, _ := strings.Cut(r.Target, "?")
	if r.Method != "GET" || !strings.HasPrefix(path, "/_matrix/client/") || !strings.HasSuffix(path, "/sync") {
		return
	}
	s.x.Sync.Query = query
	if since, ok := sinceOf(query); ok && !strings.ContainsAny(since, "%+") {
		s.x.Sync.Since, s.x.Sync.From = since, s.since
	}
}

// appendSticky appends the query of a /sync as a reference.
func (s *state) appendSticky(dst []byte, query string) (out []byte, ok bool) {
	since, ok := sinceOf(query)
	if !ok || !s.refers() {
		return dst, false
	}
	ref, ok := s.x.Refer.Find([]byte(since))
	if !ok {
		return dst, false
	}
	note := s.x.Refer.Note(ref)
	if note == nil || note.Query == "" {
		return dst, false
	}
	if same, ok := withSince(note.Query, since); !ok || same != query {
		return dst, false
	}
	s.since = note
	return appendInt(appendHead(dst, majorTag, tagReference), ref), true
}

// noteReference notes what is remembered with the value of since, an item that was just
// written or is about to be read.
func (s *state) noteReference(key string, item []byte, note func(ref int64) *Note) {
	in := items{src: item}
	if initial, ok := in.peek(); key != "since" || s.since != nil || !ok || initial != majorTag<<5|tagReference {
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
	if s.x.Solve == nil {
		return ErrReference
	}
	since, ok := s.x.Solve.Resolve(ref)
	note := s.x.Solve.Note(ref)
	if !ok || note == nil {
		return ErrReference
	}
	query, ok := withSince(note.Query, string(since))
	if !ok {
		return ErrReference
	}
	r.Target += "?" + query
	if !legalRequest(r) {
		return ErrRequest
	}
	s.since = note
	return nil
}

// privateSegments are segments of paths of requests that carry secrets, and whose answers
// may. Nothing of either is remembered.
var privateSegments = [...]string{
	"/login", "/register", "/refresh", "/password", "/deactivate", "/auth", "/3pid", "/openid",
	"/delete_devices", "/device_signing", "/dehydrated_device",
}

// isPrivate says whether a request is one of those, or authenticates interactively.
func isPrivate(r *Request) bool {
	path, _, _ := strings.Cut(r.Target, "?")
	for _, segment := range privateSegments {
		if at := strings.Index(path, segment); at >= 0 {
			if end := at + len(segment); end == len(path) || path[end] == '/' {
				return true
			}
		}
	}
	return bytes.Contains(r.Body, []byte(`"auth":`))
}
