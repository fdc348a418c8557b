package dialect

import (
	"bytes"
	"strconv"
)

// message is the state of one message, the extension that package cborcodec asks for
// each item.
type message struct {
	words *wordIndex
	home  string
	clock clock
	refer Referrer // nil without references
	solve Resolver // nil without references
	// named says that the last key satisfies isNamedKey and its value comes next.
	named bool
	// scratch holds what an item was read back to.
	scratch []byte
}

// AppendKey implements cborcodec.Extension.
func (m *message) AppendKey(dst, name []byte, listed bool) (out []byte, ok bool) {
	m.named = m.refer != nil && isNamedKey(name)
	if listed {
		return dst, false
	}
	if n, ok := keyNumbers[string(name)]; ok {
		return appendHead(dst, majorNegative, n), true
	}
	return m.appendString(dst, name, false)
}

// AppendString implements cborcodec.Extension.
func (m *message) AppendString(dst, s []byte) (out []byte, ok bool) {
	named := m.named
	m.named = false
	return m.appendString(dst, s, named)
}

// appendString appends a string: a word, a reference, or what it looks like.
func (m *message) appendString(dst, s []byte, named bool) (out []byte, ok bool) {
	if len(s) <= m.words.maxText {
		if row, ok := m.words.rows[string(s)]; ok {
			return appendWord(dst, row), true
		}
	}
	if m.refer != nil && (isIdentifier(s) || named && isName(s)) {
		if ref, ok := m.refer.Find(s); ok {
			return appendInt(appendHead(dst, majorTag, tagReference), ref), true
		}
		if m.refer.Insert(s) {
			dst = appendHead(dst, majorTag, tagInsert)
			if out, ok := m.pack(dst, s); ok {
				return out, true
			}
			return appendText(dst, s), true
		}
	}
	return m.pack(dst, s)
}

// pack appends s as a typed string, if that reads back as s.
func (m *message) pack(dst, s []byte) (out []byte, ok bool) {
	before := m.clock
	out, ok = m.appendTyped(dst, s)
	if ok {
		after := m.clock
		m.clock = before
		in := items{src: out[len(dst):]}
		text, err := m.appendText(m.scratch[:0], &in)
		m.scratch = text[:0]
		if err == nil && in.rest() == 0 && m.clock == after && bytes.Equal(text, s) {
			return out, true
		}
	}
	m.clock = before
	return dst, false
}

// AppendInteger implements cborcodec.Extension: times become differences.
func (m *message) AppendInteger(dst, digits []byte) (out []byte, ok bool) {
	if !isTime(digits) {
		return dst, false
	}
	t, _ := parseNumber(digits)
	return m.clock.append(appendHead(dst, majorTag, tagTime), t), true
}

// Seal implements cborcodec.Extension: containers of the table become words.
func (m *message) Seal(dst []byte, at int) []byte {
	item := dst[at:]
	if len(item) > m.words.maxItem {
		return dst
	}
	row, ok := m.words.items[string(item)]
	if !ok {
		return dst
	}
	return appendWord(dst[:at], row)
}

// AppendJSON implements cborcodec.Extension.
func (m *message) AppendJSON(dst, src []byte, key bool) (out []byte, size int, err error) {
	in := items{src: src}
	out, err = m.appendJSON(dst, &in, key)
	if err != nil {
		return dst, 0, asFormatError(err)
	}
	return out, in.pos, nil
}

func (m *message) appendJSON(dst []byte, in *items, key bool) ([]byte, error) {
	start := in.pos
	initial, _ := in.peek()
	switch {
	case key && initial>>5 == majorNegative:
		_, n, err := in.head()
		if err != nil {
			return dst, err
		}
		if n >= uint64(len(keyRows)) {
			return dst, errRow
		}
		return append(append(append(dst, '"'), keyRows[n]...), '"'), nil
	case initial == majorTag<<5|tagTime:
		in.pos++
		return m.clock.appendText(dst, in)
	case isWord(initial):
		text, err := readWord(in)
		if err != nil || text[0] != '"' {
			return append(dst, text...), err
		}
	}
	in.pos = start
	out, err := m.appendText(append(dst, '"'), in)
	if err != nil {
		return dst, err
	}
	return append(out, '"'), nil
}

// appendText appends the string that an item stands for.
func (m *message) appendText(dst []byte, in *items) ([]byte, error) {
	initial, ok := in.peek()
	switch {
	case !ok:
		return dst, errTruncated
	case initial == itemHome:
		if m.home == "" {
			return dst, errContent
		}
		in.pos++
		return append(dst, m.home...), nil
	case isWord(initial):
		text, err := readWord(in)
		if err != nil {
			return dst, err
		}
		if text[0] != '"' {
			return dst, errItem
		}
		return append(dst, text[1:len(text)-1]...), nil
	}
	major, n, err := in.head()
	if err != nil {
		return dst, err
	}
	switch major {
	case majorText:
		s, err := in.take(n)
		return append(dst, s...), err
	case majorBytes:
		s, err := in.take(n)
		return base64URL.AppendEncode(append(dst, '$'), s), err
	case majorTag:
		return m.appendTagged(dst, in, n)
	default:
		return dst, errItem
	}
}

// appendTagged appends the string that an item under a tag stands for.
func (m *message) appendTagged(dst []byte, in *items, tag uint64) ([]byte, error) {
	switch tag {
	case tagInsert:
		return m.appendInserted(dst, in)
	case tagReference:
		ref, err := in.int()
		if err != nil {
			return dst, err
		}
		if m.solve != nil {
			if id, ok := m.solve.Resolve(ref); ok {
				return append(dst, id...), nil
			}
		}
		return dst, ErrReference
	case tagDecimal:
		n, err := in.uint()
		return strconv.AppendUint(dst, n, 10), err
	case tagStream:
		return appendNumbersText(append(dst, 's'), in)
	case tagTopological:
		return appendNumbersText(append(dst, 't'), in)
	case tagTransaction:
		return m.appendTransactionText(dst, in)
	default:
		return m.appendTypedText(dst, in, tag)
	}
}

// appendInserted appends the identifier under an insertion, and notes it.
func (m *message) appendInserted(dst []byte, in *items) ([]byte, error) {
	if m.solve == nil {
		return dst, errContent
	}
	if initial, ok := in.peek(); ok && initial == majorTag<<5|tagInsert {
		return dst, errContent
	}
	start := len(dst)
	dst, err := m.appendText(dst, in)
	if err != nil {
		return dst, err
	}
	if n := len(dst) - start; n == 0 || n > maxIdentifier {
		return dst, errContent
	}
	if err := m.solve.Inserted(dst[start:]); err != nil {
		return dst, err
	}
	return dst, nil
}
