package gateway

import (
	"bytes"
	"encoding/json"
)

// setMember returns text, a JSON object, with the member at path set to value.
// All other bytes, the order of members among them, stay as they are. With
// create it adds what is missing of the path; without, and wherever the path
// leads through something that is no object, it reports false. Of members with
// the same name the last is set: it is the one that decoders keep.
func setMember(text []byte, path []string, value []byte, create bool) ([]byte, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	start, end := 0, len(text)
	for i, name := range path {
		obj, ok := scanObject(text[start:end], name)
		if !ok {
			return nil, false
		}
		if obj.value == nil {
			if !create {
				return nil, false
			}
			at := start + obj.close
			return splice(text, at, at, newMembers(path[i:], value, obj.empty)), true
		}
		start, end = start+obj.at, start+obj.at+len(obj.value)
	}
	return splice(text, start, end, value), true
}

// object is what setMember needs to know of a JSON object; offsets are from the
// start of its text.
type object struct {
	value []byte // of the member asked for; nil if there is none
	at    int    // where value stands
	close int    // where the closing brace stands
	empty bool
}

// scanObject walks over the members of text, which is valid JSON, and reports
// false when it is no object.
func scanObject(text []byte, name string) (object, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return object{}, false
	}
	obj := object{empty: true}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return object{}, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return object{}, false
		}
		obj.empty = false
		if key == name {
			obj.value, obj.at = value, int(d.InputOffset())-len(value)
		}
	}
	if _, err := d.Token(); err != nil {
		return object{}, false
	}
	obj.close = int(d.InputOffset()) - 1
	return obj, true
}

// newMembers returns the text of a member named path[0] that holds, under the
// rest of the path, value.
func newMembers(path []string, value []byte, first bool) []byte {
	var b bytes.Buffer
	if !first {
		b.WriteByte(',')
	}
	for i, name := range path {
		if i > 0 {
			b.WriteByte('{')
		}
		b.Write(quote(name))
		b.WriteByte(':')
	}
	b.Write(value)
	b.Write(bytes.Repeat([]byte{'}'}, len(path)-1))
	return b.Bytes()
}

// splice returns text with text[from:to] replaced.
func splice(text []byte, from, to int, by []byte) []byte {
	out := make([]byte, 0, len(text)+len(by)-(to-from))
	out = append(out, text[:from]...)
	out = append(out, by...)
	return append(out, text[to:]...)
}

// quote returns the JSON form of s, without HTML escapes.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always has a JSON form
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
