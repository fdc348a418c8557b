package dialect

import "strconv"

// A counter that has not changed since the answer before is undefined. What is to be
// remembered of one comes as an item of its own, so that both ends remember the same text:
// an array under tagCounter, of names and numbers for an object, or of null and names
// for an array of strings. Anything else is JSON as elsewhere, and not remembered.

// maxCounter is the longest text of a counter that is remembered, in bytes.
const maxCounter = 256

// AppendContainer implements cborcodec.Extension.
func (m *message) AppendContainer(dst, text []byte) (out []byte, size int) {
	kind := m.key
	m.key = keyOther
	switch {
	case m.x == nil:
		return dst, 0
	case kind == keyContent:
		// It may have a body that only the other end finds.
		if out, size = m.appendEcho(dst, text); size > 0 {
			m.hasBody = false
		}
		return out, size
	case kind >= keyCounter:
		return m.appendCounter(dst, text, int(kind-keyCounter))
	}
	return dst, 0
}

func (m *message) appendCounter(dst, text []byte, row int) (out []byte, size int) {
	if m.x.Private {
		return dst, 0
	}
	if from := m.x.From; from != nil && from.Counts[row] != "" {
		if known := from.Counts[row]; len(text) >= len(known) && string(text[:len(known)]) == known {
			m.x.Learned.Counts[row] = known
			return append(dst, itemUndefined), len(known)
		}
	}
	out, size = m.appendNewCounter(dst, text)
	if size == 0 {
		return dst, 0
	}
	if m.x.Refer != nil {
		m.x.Learned.Counts[row] = string(text[:size])
	}
	return out, size
}

// appendNewCounter appends a counter if it has a form that reads back.
func (m *message) appendNewCounter(dst, text []byte) (out []byte, size int) {
	at := len(dst)
	dst = append(dst, majorTag<<5|24, tagCounter, 0)
	count := 0
	rest := text[1:]
	closing := byte('}')
	if text[0] == '[' {
		closing = ']'
		dst = append(dst, itemNull)
		count++
	}
	for first := true; len(rest) > 0 && rest[0] != closing; first = false {
		if !first {
			if rest[0] != ',' {
				return dst[:at], 0
			}
			rest = rest[1:]
		}
		name, n := plainString(rest)
		if n == 0 || count > maxNumbers-2 {
			return dst[:at], 0
		}
		rest = rest[n:]
		if row, ok := m.words.rows[string(name)]; ok {
			dst = appendWord(dst, row)
		} else {
			dst = appendText(dst, name) // and nothing that leaves traces, if this comes to nothing
		}
		count++
		if closing == ']' {
			continue
		}
		if len(rest) == 0 || rest[0] != ':' {
			return dst[:at], 0
		}
		number, digits := parseNumber(rest[1:])
		if digits == 0 {
			return dst[:at], 0
		}
		dst = appendInt(dst, number)
		rest = rest[1+digits:]
		count++
	}
	size = len(text) - len(rest) + 1
	if len(rest) == 0 || size > maxCounter {
		return dst[:at], 0
	}
	dst[at+2] = majorArray<<5 | byte(count)
	return dst, size
}

// plainString returns the content of a JSON string of printable ASCII without escapes at
// the start of text, and the length with its quotes; 0 for anything else.
func plainString(text []byte) (content []byte, size int) {
	if len(text) < 2 || text[0] != '"' {
		return nil, 0
	}
	for i, c := range text[1:] {
		switch {
		case c == '"':
			return text[1 : 1+i], i + 2
		case c < ' ' || c >= 0x7f || c == '\\':
			return nil, 0
		}
	}
	return nil, 0
}

// appendCounterText appends a counter that has not changed.
func (m *message) appendCounterText(dst []byte) ([]byte, error) {
	for row, name := range counterKeys {
		if underKey(dst, name) {
			if m.x == nil || m.x.From == nil || m.x.From.Counts[row] == "" {
				return dst, ErrReference
			}
			m.x.Learned.Counts[row] = m.x.From.Counts[row]
			return append(dst, m.x.From.Counts[row]...), nil
		}
	}
	return dst, errItem
}

// appendContainerText appends what an item under a tag of two bytes stands for.
func (m *message) appendContainerText(dst []byte, in *items) ([]byte, error) {
	_, tag, err := in.head()
	if err != nil {
		return dst, err
	}
	switch tag {
	case tagEcho, tagSortedEcho:
		return m.appendEchoText(dst, in, tag == tagSortedEcho)
	case tagCounter:
		return m.appendNewCounterText(dst, in)
	}
	return dst, errContent
}

func (m *message) appendNewCounterText(dst []byte, in *items) ([]byte, error) {
	row := 0
	for row < len(counterKeys) && !underKey(dst, counterKeys[row]) {
		row++
	}
	major, count, err := in.head()
	if err != nil {
		return dst, err
	}
	if row == len(counterKeys) || major != majorArray || count > maxNumbers {
		return dst, errContent
	}
	begin, list := len(dst), false
	if initial, ok := in.peek(); ok && count > 0 && initial == itemNull {
		in.pos++
		list = true
		count--
	}
	opening, closing := byte('{'), byte('}')
	if list {
		opening, closing = '[', ']'
	}
	dst = append(dst, opening)
	for ; count > 0; count-- {
		if dst[len(dst)-1] != opening {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		at := len(dst)
		if dst, err = m.appendText(dst, in); err != nil {
			return dst, err
		}
		dst = append(dst, '"')
		if name, size := plainString(dst[at-1:]); size == 0 || len(name) != len(dst)-at-1 {
			return dst, errContent
		}
		if list {
			continue
		}
		if count--; count == 0 {
			return dst, errContent
		}
		n, err := in.uint()
		if err != nil {
			return dst, err
		}
		dst = strconv.AppendUint(append(dst, ':'), n, 10)
	}
	dst = append(dst, closing)
	if len(dst)-begin > maxCounter {
		return dst, errContent
	}
	if m.x != nil && m.x.Solve != nil {
		m.x.Learned.Counts[row] = string(dst[begin:])
	}
	return dst, nil
}
