package cborcodec

import "unicode/utf8"

// Extension adds items of its own to a codec: shorter forms of keys, strings,
// integers and whole containers. It may keep state from one item to the next; the
// codec asks once for each, in the order of the text, and never twice.
type Extension interface {
	// AppendKey appends the item for a member's name, or returns dst and false to
	// have it written as without the extension: as an integer if it is listed in
	// the key table. Names that were written with escapes are not asked for.
	AppendKey(dst, name []byte, listed bool) (out []byte, ok bool)
	// AppendString is AppendKey for a string value without escapes.
	AppendString(dst, text []byte) (out []byte, ok bool)
	// AppendEscaped is AppendString for a string that was written with escapes: raw has them,
	// and the other end will read what AppendUnescaped makes of it. Strings that are no Unicode
	// are not asked for.
	AppendEscaped(dst, raw []byte) (out []byte, ok bool)
	// AppendInteger is AppendKey for an integer, an optional sign and digits.
	AppendInteger(dst, digits []byte) (out []byte, ok bool)
	// SkipKey says that a member follows whose name was written with escapes; name is
	// without them, as the other end will read it.
	SkipKey(name []byte)
	// AppendContainer may write the array or object with which text begins as one item,
	// and returns the length of its text; 0 has it written as without the extension. What
	// it takes must be one whole and valid JSON value.
	AppendContainer(dst, text []byte) (out []byte, size int)
	// Seal may replace the array or map that was just finished, dst[at:], by an
	// item that AppendJSON expands to the same JSON.
	Seal(dst []byte, at int) []byte
	// AppendJSON appends the JSON value of the first item in items, one that
	// plain JSON does not need: a byte string, an unassigned simple value,
	// undefined, a tag that the codec does not know, or, for a key, a negative
	// integer. A string is put between quotes as it is; the codec escapes it and
	// checks that it is UTF-8. The error is passed on to the codec's caller.
	AppendJSON(dst, items []byte, key bool) (out []byte, size int, err error)
}

// Extended returns a codec like c that also writes and reads the items of x. It is
// as safe for concurrent use as x. A string key next to its integer twin then stays,
// since whoever speaks an extension writes no twins.
func (c *Codec) Extended(x Extension) *Codec {
	extended := *c
	extended.extension = x
	return &extended
}

// AppendUnescaped appends what the inside of a JSON string stands for. raw must be valid; a
// surrogate without its partner, for which UTF-8 has no form, becomes three bytes that are not
// valid.
func AppendUnescaped(dst, raw []byte) []byte { return appendUnescaped(dst, raw) }

// extended decodes an item of the extension.
func (d *decoder) extended(h head, key bool) error {
	out, size, err := d.extension.AppendJSON(d.dst, d.in.src[h.offset:], key)
	if err != nil {
		return err
	}
	d.in.pos = h.offset + size
	text := out[len(d.dst):]
	switch {
	case text[0] != '"' && key:
		return syntaxError(h.offset, ReasonKey)
	case text[0] != '"' || plainText(text[1:len(text)-1]):
		d.dst = out
		return nil
	}
	text = text[1 : len(text)-1]
	if !utf8.Valid(text) {
		return syntaxError(h.offset, ReasonUTF8)
	}
	// Escaping makes the text longer, so it is written behind it first.
	behind := len(out)
	out = append(appendEscaped(append(out, '"'), text), '"')
	d.dst = append(out[:len(d.dst)], out[behind:]...)
	return nil
}

// plainText says that text is ASCII without anything to escape.
func plainText(text []byte) bool {
	for _, c := range text {
		if stringBytes[c] != plainByte {
			return false
		}
	}
	return true
}

// extendedKey decodes a map key where an extension is spoken: a row of the key
// table, text, or an item of the extension.
func (d *decoder) extendedKey(h head) error {
	switch {
	case h.major == majorUint:
		name, ok := keyV1(h.arg)
		if !ok {
			return syntaxError(h.offset, ReasonKey)
		}
		d.dst = append(append(append(d.dst, '"'), name...), '"')
		return nil
	case h.major == majorText:
		return d.string(h)
	case h.major == majorTag && h.arg == tagWTF8:
		return d.tagged(h)
	default:
		return d.extended(h, true)
	}
}
