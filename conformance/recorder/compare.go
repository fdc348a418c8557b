package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// RequestHeaders are the request headers which must reach the homeserver as the
// client sent them.
func RequestHeaders() []string { return []string{"Authorization", "Content-Type"} }

// ResponseHeaders are the response headers that clients use.
func ResponseHeaders() []string {
	return []string{"Content-Type", "Content-Disposition", "ETag", "Location", "Retry-After"}
}

// A Diff is how what arrived differs from what was sent.
type Diff struct {
	// Faults are changes of meaning.
	Faults []string
	// Reordered are the JSON objects that have the same members in another
	// order, by their path in the body.
	Reordered []string
	// Respelled are the JSON numbers with the same value but other text, by
	// their path in the body: 1e2 for 100.
	Respelled []string
}

// Err is nil if there are no faults. Members in another order and numbers spelt
// in another way are no faults: a test that demands more looks at the fields.
func (d Diff) Err() error {
	if len(d.Faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(d.Faults, "\n"))
}

func (d *Diff) faultf(format string, args ...any) {
	d.Faults = append(d.Faults, fmt.Sprintf(format, args...))
}

// CompareRequests compares a request as it arrived with what was sent: method
// and target exactly, the named headers (none means RequestHeaders), and the
// body by its meaning if it is JSON, byte for byte otherwise.
func CompareRequests(sent, got Request, headers ...string) Diff {
	var d Diff
	if sent.Method != got.Method {
		d.faultf("method: sent %s, got %s", sent.Method, got.Method)
	}
	if sent.URI != got.URI {
		d.faultf("target: sent %q, got %q", sent.URI, got.URI)
	}
	if len(headers) == 0 {
		headers = RequestHeaders()
	}
	d.headers(sent.Header, got.Header, headers)
	d.body(sent.Header, sent.Body, got.Body)
	return d
}

// CompareResponses compares a response as it arrived with what was sent: status
// exactly, the named headers (none means ResponseHeaders), and the body as
// CompareRequests does.
func CompareResponses(sent, got Response, headers ...string) Diff {
	var d Diff
	if status(sent) != status(got) {
		d.faultf("status: sent %d, got %d", status(sent), status(got))
	}
	if len(headers) == 0 {
		headers = ResponseHeaders()
	}
	d.headers(sent.Header, got.Header, headers)
	d.body(sent.Header, sent.Body, got.Body)
	return d
}

func status(r Response) int {
	if r.Status == 0 {
		return http.StatusOK
	}
	return r.Status
}

func (d *Diff) headers(sent, got http.Header, names []string) {
	for _, name := range names {
		s, g := sent.Values(name), got.Values(name)
		if slices.Equal(s, g) {
			continue
		}
		if name == "Content-Type" && isJSON(sent) && isJSON(got) {
			continue // a charset says nothing there: JSON is UTF-8 (RFC 8259 section 8.1)
		}
		if name == "Authorization" { // never print a token
			d.faultf("header %s: sent %d values, got %d, or another value", name, len(s), len(g))
			continue
		}
		d.faultf("header %s: sent %q, got %q", name, s, g)
	}
}

// isJSON tells whether the body is labelled as JSON, with a charset or without.
func isJSON(h http.Header) bool {
	mediaType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && mediaType == "application/json"
}

func (d *Diff) body(header http.Header, sent, got []byte) {
	if isJSON(header) && json.Valid(sent) {
		if !json.Valid(got) {
			d.faultf("body: sent JSON, got %s", excerpt(got, 0))
			return
		}
		d.json("", parseJSON(sent), parseJSON(got))
		return
	}
	if bytes.Equal(sent, got) {
		return
	}
	at := 0
	for at < min(len(sent), len(got)) && sent[at] == got[at] {
		at++
	}
	d.faultf("body: sent %d bytes, got %d; at offset %d sent %s, got %s",
		len(sent), len(got), at, excerpt(sent, at), excerpt(got, at))
}

// excerptSize is how much of a body a fault quotes, in bytes.
const excerptSize = 24

func excerpt(b []byte, at int) string {
	if rest := b[at:]; len(rest) > excerptSize {
		return fmt.Sprintf("%q…", rest[:excerptSize])
	}
	return fmt.Sprintf("%q", b[at:])
}

// json compares two values at path, a JSON pointer (RFC 6901).
func (d *Diff) json(path string, sent, got value) {
	switch {
	case sent.kind != got.kind:
		d.faultf("body %q: sent %s, got %s", path, sent, got)
	case sent.kind == number && sent.text != got.text:
		if sameNumber(sent.text, got.text) {
			d.Respelled = append(d.Respelled, path)
		} else {
			d.faultf("body %q: sent %s, got %s", path, sent, got)
		}
	case sent.text != got.text:
		d.faultf("body %q: sent %s, got %s", path, sent, got)
	case sent.kind == array:
		d.items(path, sent.items, got.items)
	case sent.kind == object:
		d.members(path, sent, got)
	}
}

func (d *Diff) items(path string, sent, got []value) {
	if len(sent) != len(got) {
		d.faultf("body %q: sent %d items, got %d", path, len(sent), len(got))
		return
	}
	for i := range sent {
		d.json(fmt.Sprintf("%s/%d", path, i), sent[i], got[i])
	}
}

// members compares two objects. A name that occurs more than once is compared
// occurrence by occurrence.
func (d *Diff) members(path string, sent, got value) {
	if slices.Equal(sent.names, got.names) {
		for i, name := range sent.names {
			d.json(path+"/"+pointerToken(name), sent.items[i], got.items[i])
		}
		return
	}
	s, g := sent.byName(), got.byName()
	same := len(s) == len(g)
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if len(s[name]) != len(g[name]) {
			d.faultf("body %q: member %q sent %d times, got %d times", path, name, len(s[name]), len(g[name]))
			same = false
			continue
		}
		for i := range s[name] {
			d.json(path+"/"+pointerToken(name), s[name][i], g[name][i])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(g)) {
		if _, ok := s[name]; !ok {
			d.faultf("body %q: member %q came from nowhere", path, name)
			same = false
		}
	}
	if same {
		d.Reordered = append(d.Reordered, path)
	}
}

// pointerToken escapes a member's name (RFC 6901 section 3).
func pointerToken(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
