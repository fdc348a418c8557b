package dialect

import (
	"bytes"
	"strconv"
)

// The age of an event is how long before the answer it was sent: the homeserver adds it
// to each event when it answers. So all of one answer follow from the first, and from the
// time of the event, which stands before.

// appendAge appends an age: undefined if it follows, else a number under the tag of
// times, from which those behind it follow.
func (m *message) appendAge(dst, digits []byte) (out []byte, ok bool) {
	age, n := parseNumber(digits)
	if n < len(digits) || m.clock.last == 0 {
		return dst, false
	}
	if m.answered != 0 && m.clock.last+age == m.answered {
		return append(dst, itemUndefined), true
	}
	m.answered = m.clock.last + age
	return appendInt(appendHead(dst, majorTag, tagTime), age), true
}

// appendAgeText is the inverse of appendAge for a number.
func (m *message) appendAgeText(dst []byte, in *items) ([]byte, error) {
	age, err := in.uint()
	if err != nil {
		return dst, err
	}
	if m.clock.last == 0 || age >= maxAge {
		return dst, errTime
	}
	m.answered = m.clock.last + int64(age)
	return strconv.AppendUint(dst, age, 10), nil
}

// maxAge is above every age that is written: a number of maxNumberDigits.
const maxAge = 1e15

// appendKnownText appends what undefined stands for: an age that follows from another, or
// a counter that has not changed.
func (m *message) appendKnownText(dst []byte) ([]byte, error) {
	if underKey(dst, "age") {
		age := m.answered - m.clock.last
		if m.answered == 0 || age < 0 || age >= maxAge {
			return dst, errTime
		}
		return strconv.AppendInt(dst, age, 10), nil
	}
	return m.appendCounterText(dst)
}

// underKey says whether JSON text ends with the name of a member and its colon. Names
// that are looked for need no escapes.
func underKey(text []byte, name string) bool {
	n := len(text) - len(name) - len(`"":`)
	if n < 1 || text[n-1] != '{' && text[n-1] != ',' {
		return false
	}
	text = text[n:]
	return text[0] == '"' && bytes.HasSuffix(text, []byte(`":`)) && string(text[1:len(text)-2]) == name
}
