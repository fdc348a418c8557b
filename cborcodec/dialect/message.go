package dialect

import (
	"bytes"

	"github.com/coapgw/coapgw/cborcodec"
)

// message is the state of one message, the extension that package cborcodec asks for
// each item.
type message struct {
	words *wordIndex
	home  string
	clock clock
	x     *Context // nil for the words themselves
	// key is what the value that comes next stands under.
	key keyKind
	// streams are the last sync tokens, and answered the time at which the homeserver
	// answered, 0 for not known.
	streams  streams
	answered int64
	// counted is the counter from which those of transaction IDs count.
	counted int64
	// style is how the client writes.
	style Style
	// room and event are the last identifiers of these kinds that were kept or referred to; of
	// events, keys do not count.
	room, event []byte
	inKey       bool
	// base is where the payload begins.
	base int
	// body is the last text under the key "body", if hasBody. A reader finds it in the JSON
	// text, where it has searched the first bytes, or is told it.
	body          []byte
	hasBody, told bool
	// former says that it still is the one before that which comes.
	former   bool
	searched int
	// marked and text are of a text that may repeat it.
	marked, text []byte
	// scratch holds what an item was read back to.
	scratch []byte
}

// start begins a message.
func (m *message) start(x *Context) {
	m.x, m.key, m.clock, m.answered, m.base = x, keyOther, clock{last: x.Clock, latest: x.Clock}, 0, 0
	m.streams, m.counted, m.style = streams{}, x.Count, x.Style
	m.room, m.event, m.inKey = append(m.room[:0], x.Room...), append(m.event[:0], x.Event...), false
	m.hasBody, m.former, m.told, m.searched = false, false, false, 0
	m.streams.take([]byte(x.Since))
	x.Learned, x.Cuts = Note{}, nil
}

// finish leaves behind what the message has taught.
func (m *message) finish() {
	m.x.Learned.Clock = m.clock.latest
	if m.x.Learned.Count == 0 {
		m.x.Learned.Count = m.x.Count
	}
	m.x.Learned.Style = m.style
	m.x.Learned.Room, m.x.Learned.Event = same(m.x.Room, m.room), same(m.x.Event, m.event)
}

// refers says whether strings may be references.
func (m *message) refers() bool { return m.x != nil && m.x.Refer != nil && !m.x.Private }

// keyKind is what a key says of its value.
type keyKind uint8

const (
	keyOther keyKind = iota
	// keyNamed: the value is a name that comes again (isNamedKey); keyFound is the same,
	// where the other end is the one to insert it.
	keyNamed
	keyFound
	// keyAge: the value is how long ago the event was sent, in ms.
	keyAge
	// keyContent: the value is the content of an event.
	keyContent
	// keyBody: the value is the text of a message; keyFormatted: the same with mark-up.
	keyBody
	keyFormatted
	// keyCounter and what follows are those of the counters.
	keyCounter
)

// kindOf returns the kind of a key.
func kindOf(name []byte) keyKind {
	switch string(name) {
	case "age":
		return keyAge
	case "content":
		return keyContent
	case "body":
		return keyBody
	case "formatted_body":
		return keyFormatted
	}
	for i := range counterKeys {
		if string(name) == counterKeys[i] {
			return keyCounter + keyKind(i)
		}
	}
	if isNamedKey(name) {
		return keyNamed
	}
	return keyOther
}

// SkipKey implements cborcodec.Extension. The reader goes by the name of a member and does
// not see how that was written, so it is the same kind.
func (m *message) SkipKey(name []byte) { m.enter(name) }

// enter begins the value of a member.
func (m *message) enter(name []byte) {
	m.key = keyOther
	if m.x != nil {
		m.key = kindOf(name)
		if m.key == keyBody {
			// Until its text has come, there is none that the other end would take for the last.
			m.former, m.hasBody = m.hasBody, false
		}
	}
}

// AppendKey implements cborcodec.Extension.
func (m *message) AppendKey(dst, name []byte, listed bool) (out []byte, ok bool) {
	m.enter(name)
	if m.x != nil && m.x.Cut && len(name) > 0 && name[0] == '!' {
		m.x.Cuts = append(m.x.Cuts, len(dst)-m.base)
		m.hasBody = false // what is said in one room must not shorten another
	}
	if listed {
		return dst, false
	}
	if n, ok := keyNumbers[string(name)]; ok {
		return appendHead(dst, majorNegative, n), true
	}
	m.inKey = true
	out, ok = m.appendString(dst, name, keyOther)
	m.inKey = false
	return out, ok
}

// AppendString implements cborcodec.Extension.
func (m *message) AppendString(dst, s []byte) (out []byte, ok bool) {
	kind := m.key
	m.key = keyOther
	if kind == keyBody || kind == keyFormatted {
		if out, ok := m.appendProse(dst, s, kind); ok {
			return out, true
		}
	}
	return m.appendString(dst, s, kind)
}

// AppendEscaped implements cborcodec.Extension.
func (m *message) AppendEscaped(dst, raw []byte) (out []byte, ok bool) {
	kind := m.key
	m.key = keyOther
	if kind != keyBody && kind != keyFormatted {
		return dst, false
	}
	m.text = cborcodec.AppendUnescaped(m.text[:0], raw)
	return m.appendProse(dst, m.text, kind)
}

// appendString appends a string: a word, a reference, or what it looks like.
func (m *message) appendString(dst, s []byte, kind keyKind) (out []byte, ok bool) {
	if len(s) <= m.words.maxText {
		if row, ok := m.words.rows[string(s)]; ok {
			return appendWord(dst, row), true
		}
	}
	named := kind == keyNamed || kind == keyFound
	if m.refers() && (isIdentifier(s) || named && isNamed(s)) {
		ref, known := m.x.Refer.Find(s)
		last, isLast := m.lastItem(s)
		if known && m.x.Refer.Refresh(s, ref) || !known && kind != keyFound && m.x.Refer.Insert(s) {
			dst = appendHead(dst, majorTag, tagInsert)
			m.speakOf(s)
			if !known && !isLast {
				if out, ok := m.pack(dst, s); ok {
					return out, true
				}
				return appendText(dst, s), true
			}
		}
		if isLast || known {
			m.speakOf(s)
			dst = appendHead(dst, majorTag, tagReference)
			if isLast {
				return append(dst, last), true
			}
			return appendInt(dst, ref), true
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
		// A token is kept when it is read, which is now.
		var streams streams
		token := isToken(out[len(dst):])
		if token {
			streams = m.streams
		}
		in := items{src: out[len(dst):]}
		text, err := m.appendText(m.scratch[:0], &in)
		m.scratch = text[:0]
		if err == nil && in.rest() == 0 && m.clock == after && bytes.Equal(text, s) {
			return out, true
		}
		if token {
			m.streams = streams
		}
	}
	m.clock = before
	return dst, false
}

// AppendInteger implements cborcodec.Extension: times become differences.
func (m *message) AppendInteger(dst, digits []byte) (out []byte, ok bool) {
	kind := m.key
	m.key = keyOther
	if kind == keyAge && m.x != nil {
		return m.appendAge(dst, digits)
	}
	if !isTime(digits) {
		return dst, false
	}
	t, _ := parseNumber(digits)
	return m.clock.append(appendHead(dst, majorTag, tagTime), t), true
}

// Seal implements cborcodec.Extension: containers of the table become words.
func (m *message) Seal(dst []byte, at int) []byte {
	// The last member's value may have been one that the codec does not ask about, as null
	// is. What its key says must not reach the next element of an array around this.
	m.key = keyOther
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
