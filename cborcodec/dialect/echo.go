package dialect

import (
	"bytes"
	"slices"
)

// What one sends comes back in the next /sync, word for word. Both ends remember the bodies
// of requests that send an event with the transaction ID that they inserted.

// maxEcho is the longest body that is remembered, in bytes.
const maxEcho = 2048

// appendEcho appends the content of an event that a request sent.
func (m *message) appendEcho(dst, text []byte) (out []byte, size int) {
	if !m.refers() || len(text) < 2 || text[0] != '{' {
		return dst, 0
	}
	ref, sorted, size, ok := m.x.Refer.Echo(text)
	if !ok || size < minEcho {
		return dst, 0
	}
	tag := uint64(tagEcho)
	if sorted {
		tag = tagSortedEcho
	}
	return appendInt(appendHead(dst, majorTag, tag), ref), size
}

// minEcho is the shortest body that a reference shortens, in bytes.
const minEcho = 8

// appendEchoText is the inverse of appendEcho.
func (m *message) appendEchoText(dst []byte, in *items, sorted bool) ([]byte, error) {
	ref, err := in.int()
	if err != nil {
		return dst, err
	}
	if m.x == nil || m.x.Solve == nil {
		return dst, ErrReference
	}
	note := m.x.Solve.Note(ref)
	if note == nil || note.Body == "" || sorted && note.Sorted == "" {
		return dst, ErrReference
	}
	if sorted {
		return append(dst, note.Sorted...), nil
	}
	return append(dst, note.Body...), nil
}

// remember keeps the body of a request, which is as the other end has it: without white
// space, and with no more escapes than are needed.
func (s *state) remember(body []byte) {
	if len(body) < minEcho || len(body) > maxEcho || body[0] != '{' {
		return
	}
	s.x.Learned.Body = string(body)
	if sorted := sortMembers(nil, body); sorted != nil && !bytes.Equal(sorted, body) {
		s.x.Learned.Sorted = string(sorted)
	}
}

// sortMembers appends a JSON text without white space with the members of each object in
// the order of their names, as canonical JSON has them. It returns nil where names are
// escaped.
func sortMembers(dst, text []byte) []byte {
	dst, rest := sortValue(dst, text)
	if len(rest) > 0 {
		return nil
	}
	return dst
}

// sortValue appends the first value of text, and returns what follows; nil and something
// where it gives up.
func sortValue(dst, text []byte) (out, rest []byte) {
	if len(text) == 0 {
		return nil, giveUp
	}
	switch text[0] {
	case '{':
		return sortObject(dst, text[1:])
	case '[':
		dst, text = append(dst, '['), text[1:]
		for len(text) > 0 && text[0] != ']' {
			if text[0] == ',' {
				dst, text = append(dst, ','), text[1:]
			}
			if dst, text = sortValue(dst, text); dst == nil {
				return nil, giveUp
			}
		}
		if len(text) == 0 {
			return nil, giveUp
		}
		return append(dst, ']'), text[1:]
	case '"':
		n := stringSize(text)
		if n == 0 {
			return nil, giveUp
		}
		return append(dst, text[:n]...), text[n:]
	}
	n := bytes.IndexAny(text, ",]}")
	if n < 0 {
		n = len(text)
	}
	return append(dst, text[:n]...), text[n:]
}

var giveUp = []byte{0}

// stringSize is the length of the JSON string at the start of text, quotes included.
func stringSize(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

func sortObject(dst, text []byte) (out, rest []byte) {
	type member struct{ name, value []byte }
	var members []member
	for len(text) > 0 && text[0] != '}' {
		if text[0] == ',' {
			text = text[1:]
		}
		n := 0
		if len(text) > 0 {
			n = stringSize(text)
		}
		if n == 0 || bytes.IndexByte(text[:n], '\\') >= 0 || n == len(text) {
			return nil, giveUp
		}
		m := member{name: text[:n]}
		value, after := sortValue(nil, text[n+1:])
		if value == nil {
			return nil, giveUp
		}
		m.value, text = value, after
		members = append(members, m)
	}
	if len(text) == 0 {
		return nil, giveUp
	}
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.name[:len(a.name)-1], b.name[:len(b.name)-1]) })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, m.name...), ':'), m.value...)
	}
	return append(dst, '}'), text[1:]
}
