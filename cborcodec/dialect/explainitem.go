package dialect

import (
	"errors"
	"fmt"
)

// note is what both ends remember with an entry.
func (e *explainer) note(ref int64) *Note {
	if e.x.Solve == nil {
		return nil
	}
	return e.x.Solve.Note(ref)
}

// reference reads one, which is next.
func (e *explainer) reference(p *Part) (err error) {
	e.in.pos++
	if p.Ref, err = e.in.int(); err != nil {
		return err
	}
	p.HasRef, p.Unknown = true, true
	if e.x.Solve != nil {
		if id, ok := e.x.Solve.Resolve(p.Ref); ok {
			p.Text, p.Unknown = string(id), false
		}
	}
	return nil
}

// text reads a string of the target.
func (e *explainer) text(p *Part, at int) error {
	e.describe(p)
	begin := e.in.pos
	text, err := e.appendText(nil, &e.in)
	if err = e.settle(p, begin, string(text), err); err == nil {
		e.show(p, at)
	}
	return err
}

// settle takes what an item that began at a place was read to. What the session knows and
// x does not is skipped.
func (e *explainer) settle(p *Part, begin int, text string, err error) error {
	if err == nil {
		p.Text = text
		return nil
	}
	var format *FormatError
	if !errors.Is(err, ErrReference) && !errors.Is(err, errTime) && !(errors.As(err, &format) && errors.Is(format.Reason, errTime)) {
		return err
	}
	p.Unknown = true
	e.in.pos = begin
	return e.in.skip(0)
}

// describe says what the next item is.
func (e *explainer) describe(p *Part) {
	in := e.in
	initial, ok := in.peek()
	if ok && initial == majorTag<<5|tagInsert {
		p.Inserted = true
		in.pos++
		initial, ok = in.peek()
	}
	switch {
	case !ok:
	case initial == itemUndefined:
		p.How = "undefined: as before"
	case initial == itemHome:
		p.How = "home server"
	case initial == majorTag<<5|tagReference:
		in.pos++
		switch initial, _ := in.peek(); initial {
		case itemLastRoom:
			p.How = "the last room"
		case itemLastEvent:
			p.How = "the last event"
		}
		if ref, err := in.int(); err == nil {
			p.Ref, p.HasRef = ref, true
		}
	case initial == majorTag<<5|tagWord:
		in.pos++
		if n, err := in.uint(); err == nil {
			p.How = fmt.Sprintf("word %d", n+simpleWords)
		}
	case initial>>5 == majorTag:
		if _, tag, err := in.head(); err == nil {
			p.How = tagNames[tag]
			if tag == tagEcho || tag == tagSortedEcho {
				if ref, err := in.int(); err == nil {
					p.Ref, p.HasRef = ref, true
				}
			}
		}
	case initial == simpleTwo:
		if _, n, err := in.head(); err == nil && n >= firstLong {
			p.How = fmt.Sprintf("word %d", n-firstLong+shortWords)
		}
	case isWord(initial):
		p.How = fmt.Sprintf("word %d", initial&31)
	case initial>>5 == majorBytes:
		p.How = "event ID"
	}
}

// tagNames says what the tags are for.
var tagNames = map[uint64]string{
	tagUser: "user", tagRoom: "room", tagAlias: "alias", tagEvent: "event ID", tagMedia: "media",
	tagBase64: "base64", tagEd25519: "key ID", tagCurve25519: "key ID", tagSignedCurve: "key ID",
	tagHex: "hexadecimal", tagUUID: "UUID", tagDecimal: "number in a string", tagStream: "token",
	tagTopological: "token", tagTransaction: "transaction ID", tagTime: "time",
	tagBase64URL: "base64url", tagPaddedBase64: "base64",
	tagEcho: "what was sent", tagSortedEcho: "what was sent, sorted", tagCounter: "counter", tagPosition: "position",
	tagMarkup: "of the body",
}
