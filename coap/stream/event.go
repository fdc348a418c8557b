package stream

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// event is one of a room, as far as a homeserver has sent what it must.
type event struct {
	ID     string `json:"event_id"`
	Type   string `json:"type"`
	Sender string `json:"sender"`
	text   []byte
}

// readEvent reads one; ok is false for what is none. Whoever wrote it may be hostile.
func readEvent(text []byte) (e event, ok bool) {
	if json.Unmarshal(text, &e) != nil || e.ID == "" || len(e.ID) > maxName || e.Type == "" {
		return e, false
	}
	if e.Sender == "" || e.Sender[0] != '@' || !strings.Contains(e.Sender, ":") {
		return e, false // what is short for a user of this homeserver must not be another one
	}
	e.text = text
	return e, true
}

// Keys of a payload beside those of MSC3079, each as it is written.
const (
	keyMark = 0x20 // -1
	keyGap  = 0x21 // -2
	keyCut  = 0x22 // -3
)

// markOf is by which number the client knows an event; 0 is before the first one. Whoever
// does not know the key cannot make an event that has the mark of another one.
func markOf(key []byte, room, id string) uint32 {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(room))
	m.Write([]byte{0})
	m.Write([]byte(id))
	return max(binary.BigEndian.Uint32(m.Sum(nil)), 1)
}

// payload is a CBOR map that is being written, without its head.
type payload struct {
	members []byte
	count   int
	size    int // that it may have, with the head of one byte
}

func (p *payload) left() int { return p.size - 1 - len(p.members) }

// add adds a member if so many bytes are left after it.
func (p *payload) add(key, value []byte, spare int) bool {
	if len(key)+len(value)+spare > p.left() {
		return false
	}
	p.members = append(append(p.members, key...), value...)
	p.count++
	return true
}

func (p *payload) number(key byte, n uint64) bool { return p.add([]byte{key}, appendUint(nil, n), 0) }

func (p *payload) bytes() []byte {
	return append(appendHead(make([]byte, 0, 1+len(p.members)), majorMap, uint64(p.count)), p.members...)
}

// begin begins a payload with the mark, if there are any.
func (a *Ask) begin(mark uint32) *payload {
	p := &payload{size: a.Size}
	if a.Marks {
		p.number(keyMark, uint64(mark))
	}
	return p
}

// item is a field with its value. text is the value where that is a string.
type item struct {
	field  field
	value  []byte
	text   string
	isText bool
}

// items reads the fields that an event has.
func (a *Ask) items(e *event, server string) (items []item) {
	var outer, content map[string]json.RawMessage
	if json.Unmarshal(e.text, &outer) != nil {
		return nil
	}
	_ = json.Unmarshal(outer["content"], &content) // what is no object has no fields
	for _, f := range a.fields {
		from := content
		if f.outer {
			from = outer
		}
		raw, ok := from[f.name]
		if !ok {
			continue
		}
		i := item{field: f}
		switch {
		case f.outer && f.name == "event_id":
			i.value = appendID(nil, e.ID)
		case f.outer && f.name == "sender":
			i.setText(shortSender(e.Sender, server))
		case len(raw) > 0 && raw[0] == '"':
			var text string
			if json.Unmarshal(raw, &text) != nil {
				continue
			}
			i.setText(text)
		default:
			i.value, _ = plain.AppendCBOR(nil, raw) // empty for what is too large or too deep
		}
		items = append(items, i)
	}
	return items
}

func (i *item) setText(text string) {
	i.text, i.isText = text, true
	i.value = append(appendHead(nil, majorText, uint64(len(text))), text...)
}

// payload tells an event in at most Size bytes.
func (a *Ask) payload(e *event, server string, mark uint32) []byte {
	items := a.items(e, server)
	whole := a.begin(mark)
	fits := true
	for _, i := range items {
		fits = fits && len(i.value) > 0 && whole.add(i.field.key, i.value, 0)
	}
	switch {
	case fits:
		return whole.bytes()
	case a.IDs:
		if p := a.inPlace(items, e, mark); p != nil {
			return p
		}
	}
	return a.cut(items, mark)
}

// inPlace tells the ID of an event, nil where that does not fit.
func (a *Ask) inPlace(items []item, e *event, mark uint32) []byte {
	id, key := appendID(nil, e.ID), idField().key
	p := a.begin(mark)
	for _, i := range items {
		if i.field.outer && i.field.name == "sender" {
			p.add(i.field.key, i.value, len(key)+len(id))
		}
	}
	if !p.add(key, id, 0) {
		return nil
	}
	return p.bytes()
}

func idField() field { return mustFields("event_id")[0] }

// cut tells as much of an event as there is room for: the first field that does not fit is
// cut, where it is text, and is the last.
func (a *Ask) cut(items []item, mark uint32) []byte {
	p := a.begin(mark)
	missing := 0
	for _, i := range items {
		// Two bytes are kept for the word that something is missing.
		if len(i.value) > 0 && p.add(i.field.key, i.value, 2) {
			continue
		}
		if i.isText {
			room := p.left() - len(i.field.key)
			if n := longest(i.text, room); n > 0 {
				missing = len(i.text) - n
				p.add(i.field.key, append(appendHead(nil, majorText, uint64(n)), i.text[:n]...), 0)
			}
		}
		break
	}
	p.number(keyCut, uint64(missing))
	return p.bytes()
}

// longest is how much of a text, to the end of a character, fits so many bytes with its
// head and with the word of how much is missing.
func longest(text string, room int) int {
	for n := min(len(text)-1, room); n > 0; n-- {
		if utf8.RuneStart(text[n]) && headSize(n)+n+1+headSize(len(text)-n) <= room {
			return n
		}
	}
	return 0
}

// gap tells that so many events were skipped, of which the newest has that ID, if it is
// known.
func (a *Ask) gap(skipped int, id string, mark uint32) []byte {
	p := a.begin(mark)
	p.number(keyGap, uint64(skipped))
	if id != "" {
		p.add(idField().key, appendID(nil, id), 0)
	}
	return p.bytes()
}

// appendID writes an event ID: as the bytes that it is made of, where that says it all
// ("$" and base64url, CS API, "Room version 4").
func appendID(b []byte, id string) []byte {
	if encoded, ok := strings.CutPrefix(id, "$"); ok && encoded != "" {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
		if err == nil && !strings.ContainsAny(encoded, "\r\n") {
			return append(appendHead(b, majorBytes, uint64(len(raw))), raw...)
		}
	}
	return append(appendHead(b, majorText, uint64(len(id))), id...)
}

// shortSender leaves out what is known of a user of the own homeserver.
func shortSender(sender, server string) string {
	local, ok := strings.CutPrefix(sender, "@")
	if !ok {
		return sender
	}
	local, domain, ok := strings.Cut(local, ":")
	if !ok || domain != server || local == "" || local[0] == '@' {
		return sender
	}
	return local
}
