package dialect

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coapgw/coapgw/cborcodec"
)

func (e *explainer) body() error {
	if err := e.value(&Part{Role: Body}, e.in.pos); err != nil {
		return err
	}
	return e.end()
}

func (e *explainer) end() error {
	if e.in.rest() > 0 {
		return errTrailing
	}
	return nil
}

// value reads a value; its key began at some place.
func (e *explainer) value(p *Part, at int) error {
	initial, ok := e.in.peek()
	switch {
	case !ok:
		return errTruncated
	case initial>>5 == majorArray, initial>>5 == majorMap:
		return e.container(p, at)
	}
	if !e.version1 {
		e.describe(p)
	}
	begin := e.in.pos
	if e.version1 || !isExtension(e.in) {
		if err := e.in.skip(0); err != nil {
			return err
		}
		text, err := e.codec.AppendJSON(nil, e.in.src[begin:e.in.pos])
		if err != nil {
			return err
		}
		p.Text = string(text)
		e.tell(p, text, true)
		e.show(p, at)
		return nil
	}
	prefix := append(append([]byte(`{"`), p.Name...), `":`...)
	out, size, err := e.AppendJSON(prefix, e.in.src[begin:], false)
	switch {
	case err == nil && !utf8.Valid(out):
		err = errContent
	case err == nil:
		e.in.pos += size
	case e.unsure && p.How == tagNames[tagMarkup]:
		err = ErrReference
	}
	text := out[min(len(prefix), len(out)):]
	if err = e.settle(p, begin, string(text), err); err == nil {
		e.tell(p, text, false)
		e.show(p, at)
	}
	return err
}

// tell keeps the text of a message for those that repeat it: there is no JSON here in which
// it would be found. Strings of the dialect come without escapes.
func (e *explainer) tell(p *Part, text []byte, escaped bool) {
	switch {
	case e.version1:
	case p.Unknown:
		// Of containers only an echo may hold a body; counters are numbers and names.
		e.unsure = e.unsure || p.Name == "body" || p.How == tagNames[tagEcho] || p.How == tagNames[tagSortedEcho]
	case p.Name == "body" && text[0] == '"':
		e.unsure = false
		if escaped {
			e.readBody(text)
		} else {
			e.setBody(text[1 : len(text)-1])
		}
	case text[0] == '{', text[0] == '[':
		if raw := lastBody(text); raw != nil {
			e.unsure = false
			e.readBody(raw)
		}
	}
}

// isExtension says whether the dialect, and not package cborcodec, reads the next item. A head
// need not be as short as it could be: it is its value that says so.
func isExtension(in items) bool {
	initial, ok := in.peek()
	if !ok {
		return false
	}
	switch initial >> 5 {
	case majorBytes:
		return true
	case majorSimple:
		return initial < majorSimple<<5|20 || initial == itemUndefined || initial == simpleTwo
	case majorTag:
		_, tag, err := in.head()
		return err != nil || !slices.Contains(plainTags[:], tag)
	}
	return false
}

// plainTags are those of package cborcodec: of numbers, and of strings that are no Unicode.
var plainTags = [...]uint64{2, 3, 4, 262, 273}

func (e *explainer) container(p *Part, at int) error {
	if e.depth >= cborcodec.DefaultMaxDepth {
		return errContent
	}
	indefinite := e.in.src[e.in.pos]&31 == 31
	major, count := e.in.src[e.in.pos]>>5, uint64(0)
	if indefinite {
		e.in.pos++
		p.How = "open"
	} else {
		var err error
		if _, count, err = e.in.head(); err != nil {
			return err
		}
		p.How = fmt.Sprintf("%d", count)
	}
	kind := Element
	if major == majorMap {
		kind = Member
		p.How = "object of " + p.How
	} else {
		p.How = "array of " + p.How
	}
	e.show(p, at)
	e.depth++
	defer func() { e.depth-- }()
	var names map[string]bool
	if kind == Member && e.version1 {
		names = e.textNames(indefinite, count)
	}
	for n := uint64(0); indefinite || n < count; n++ {
		at := e.in.pos
		if next, ok := e.in.peek(); indefinite && ok && next == 0xff {
			e.in.pos++
			e.show(&Part{Role: kind, How: "end"}, at)
			return nil
		}
		member := &Part{Role: kind}
		if kind == Member {
			var err error
			initial, _ := e.in.peek()
			if member.Name, err = e.keyName(); err != nil {
				return err
			}
			// An integer that no row has is a name of digits, and has no twin.
			member.Passed = initial>>5 == majorUint && names[member.Name] && strings.Trim(member.Name, "0123456789") != ""
		}
		if err := e.value(member, at); err != nil {
			return err
		}
	}
	return nil
}

// textNames returns the names that the members of an object have as text: beside them the integer that
// stands for one does not count.
func (e *explainer) textNames(indefinite bool, count uint64) map[string]bool {
	names := map[string]bool{}
	ahead := *e
	for n := uint64(0); indefinite || n < count; n++ {
		initial, ok := ahead.in.peek()
		if !ok || indefinite && initial == 0xff {
			return names
		}
		name, err := ahead.keyName()
		if err != nil || ahead.in.skip(0) != nil {
			return names
		}
		if initial>>5 > majorNegative {
			names[name] = true
		}
	}
	return names
}

// keyName reads the key of a member.
func (e *explainer) keyName() (string, error) {
	initial, ok := e.in.peek()
	if !ok {
		return "", errTruncated
	}
	begin := e.in.pos
	var quoted []byte
	if !e.version1 && (isExtension(e.in) || initial>>5 == majorNegative) {
		out, size, err := e.AppendJSON(nil, e.in.src[begin:], true)
		var p Part
		e.describe(&p)
		switch {
		case err == nil && !utf8.Valid(out):
			err = errContent
		case err == nil:
			e.in.pos += size
		}
		if err = e.settle(&p, begin, string(out), err); err != nil {
			return "", err
		}
		if p.Unknown && p.HasRef {
			return fmt.Sprintf("(reference %d)", p.Ref), nil
		}
		quoted = []byte(p.Text)
	} else {
		if err := e.in.skip(0); err != nil {
			return "", err
		}
		object := append(append([]byte{majorMap<<5 | 1}, e.in.src[begin:e.in.pos]...), itemNull)
		json, err := e.codec.AppendJSON(nil, object)
		if err != nil {
			return "", err
		}
		quoted = json[1 : len(json)-len(":null}")]
	}
	if len(quoted) < 2 || quoted[0] != '"' {
		return "", errItem
	}
	return string(quoted[1 : len(quoted)-1]), nil
}

// skip passes the next item.
func (r *items) skip(depth int) error {
	if depth > cborcodec.DefaultMaxDepth {
		return errContent
	}
	initial, ok := r.peek()
	if !ok {
		return errTruncated
	}
	if initial&31 == 31 { // of indefinite length
		r.pos++
		for {
			next, ok := r.peek()
			switch {
			case !ok:
				return errTruncated
			case next == 0xff:
				r.pos++
				return nil
			}
			if err := r.skip(depth + 1); err != nil {
				return err
			}
		}
	}
	major, n, err := r.head()
	if err != nil {
		return err
	}
	switch major {
	case majorBytes, majorText:
		_, err = r.take(n)
	case majorTag:
		err = r.skip(depth + 1)
	case majorArray, majorMap:
		for range n {
			if err == nil {
				err = r.skip(depth + 1)
			}
			if err == nil && major == majorMap {
				err = r.skip(depth + 1)
			}
			if err != nil {
				return err
			}
		}
	}
	return err
}
