package paths

import (
	"errors"
	"fmt"
	"strings"
)

// The folding of v3 paths onto their r0 rows concerns these segments.
const (
	versionIndex = 2
	versionR0    = "r0"
	versionV3    = "v3"
)

// ErrSegment: a segment is ".", ".." or not UTF-8, so no legal Uri-Path
// (RFC 7252 §5.10.1). The request is a bad request.
var ErrSegment = errors.New("paths: illegal path segment")

// ParamsError says that an enum came with the wrong number of path parameters.
// The request is a bad request.
type ParamsError struct {
	// Enum is the first segment. Got is how many parameters followed it, Want how many
	// its path has.
	Enum      string
	Got, Want int
}

// Error implements error.
func (e *ParamsError) Error() string {
	return fmt.Sprintf("paths: enum %s takes %d parameters, got %d", e.Enum, e.Want, e.Got)
}

// Shorten splits an escaped path into Uri-Path values by RFC 7252 §6.4: the enum
// and the parameters if the table has the path, else all its segments. With
// foldV3, "/_matrix/client/v3/…" also maps to the enum of its r0 twin and form
// says so; a peer that does not know Form would then ask for the r0 path.
//
// It reports false when Uri-Path values cannot carry the path so that Expand
// restores it to the byte: it does not begin with "/", a segment is longer than
// 255 bytes decoded, is "." or "..", or is not UTF-8, the first segment would be
// read as an enum, or no Style reproduces the escaping.
func (t *Table) Shorten(escapedPath string, foldV3 bool) (segments []string, form Form, ok bool) {
	rest, rooted := strings.CutPrefix(escapedPath, "/")
	if !rooted {
		return nil, Form{}, false
	}
	if rest == "" {
		return nil, Form{}, true
	}
	var seen usage
	segments = make([]string, 0, strings.Count(rest, "/")+1)
	for s := range strings.SplitSeq(rest, "/") {
		if !seen.scan(s) {
			return nil, Form{}, false
		}
		s = decode(s, false)
		if !legalSegment(s) || len(s) > maxValue {
			return nil, Form{}, false
		}
		segments = append(segments, s)
	}
	if form.Path, ok = fit(pathStyles, seen); !ok {
		return nil, Form{}, false
	}
	v3 := foldV3 && isV3(segments)
	if row := t.match(segments, v3); row != nil {
		form.V3 = v3
		return row.shorten(segments), form, true
	}
	if t.lookup(segments[0]) != nil {
		return nil, Form{}, false
	}
	return segments, form, true
}

// isV3 reports whether the segments begin a path of the client-server API, v3.
func isV3(segments []string) bool {
	return len(segments) > versionIndex &&
		segments[0] == "_matrix" && segments[1] == "client" && segments[versionIndex] == versionV3
}

// match returns the row of a path, or nil; with v3, the row of its r0 twin.
func (t *Table) match(segments []string, v3 bool) *template {
	at := &t.root
	for i, s := range segments {
		if v3 && i == versionIndex {
			s = versionR0
		}
		if at = at.next(s); at == nil {
			return nil
		}
	}
	return at.row
}

// shorten replaces the segments of a path of this row by enum and parameters, in
// place: a template begins with a literal, so each value moves to the front.
func (row *template) shorten(segments []string) []string {
	out := append(segments[:0], row.enum)
	for i, p := range row.parts {
		if p.param {
			out = append(out, segments[i])
		}
	}
	return out
}

// Expand composes the escaped path from Uri-Path values, the inverse of Shorten.
// The values may come from anyone. It fails with a *ParamsError, ErrSegment or
// ErrForm; the result is always a path that begins with "/" and holds only
// characters that are legal there, whatever the values.
func (t *Table) Expand(segments []string, form Form) (escapedPath string, err error) {
	if int(form.Path) >= len(pathStyles) {
		return "", ErrForm
	}
	size := 1
	for _, s := range segments {
		if !legalSegment(s) {
			return "", ErrSegment
		}
		size += len(s) + escapeRoom
	}
	style := &pathStyles[form.Path]
	var b strings.Builder
	if len(segments) > 0 {
		if row := t.lookup(segments[0]); row != nil {
			b.Grow(row.size + size)
			if err := row.expand(&b, segments[1:], style, form.V3); err != nil {
				return "", err
			}
			return b.String(), nil
		}
	}
	// Only an enum can stand for a v3 path.
	if form.V3 {
		return "", ErrForm
	}
	// RFC 7252 §6.5: a path without segments is a single slash.
	if len(segments) == 0 {
		return "/", nil
	}
	b.Grow(size)
	for _, s := range segments {
		b.WriteByte('/')
		style.write(&b, s)
	}
	return b.String(), nil
}

// expand writes the path of this row with its parameters.
func (row *template) expand(b *strings.Builder, params []string, style *escaping, v3 bool) error {
	if len(params) != row.params {
		return &ParamsError{Enum: row.enum, Got: len(params), Want: row.params}
	}
	if v3 && !row.foldable() {
		return ErrForm
	}
	for i, p := range row.parts {
		b.WriteByte('/')
		switch {
		case p.param:
			style.write(b, params[0])
			params = params[1:]
		case v3 && i == versionIndex:
			b.WriteString(versionV3)
		default:
			b.WriteString(p.literal)
		}
	}
	return nil
}

// foldable reports whether the row has a v3 twin.
func (row *template) foldable() bool {
	return len(row.parts) > versionIndex && row.parts[versionIndex] == part{literal: versionR0}
}
