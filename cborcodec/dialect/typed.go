package dialect

// idBytes is the length of the hash in an event ID of room versions 3 and later and
// in a room ID of version 12, in bytes.
const idBytes = 32

// sigils gives the tag of each kind of identifier on a server.
var sigils = [256]byte{'@': tagUser, '!': tagRoom, '#': tagAlias, '$': tagEvent}

// keyAlgorithms are the prefixes of key IDs and their tags.
var keyAlgorithms = [...]struct {
	prefix string
	tag    uint64
}{
	{"ed25519:", tagEd25519},
	{"curve25519:", tagCurve25519},
	{"signed_curve25519:", tagSignedCurve},
}

// Numbered key IDs are big-endian numbers in base64. The item is the number times
// four plus the row of its length.
var keyIDBytes = [...]int{4, 7, 8}

// appendTyped appends s as the typed string that it looks like; the caller checks
// that it reads back as s.
func (m *message) appendTyped(dst, s []byte) (out []byte, ok bool) {
	if len(s) < 2 {
		return dst, false
	}
	switch c := s[0]; {
	case c == '$' || c == '!' || c == '@' || c == '#':
		if out, ok := m.appendIdentifier(dst, s); ok {
			return out, true
		}
		return m.appendTransaction(dst, s)
	case c == 's' || c == 't':
		if s[1] >= '0' && s[1] <= '9' {
			tag := uint64(tagStream)
			if c == 't' {
				tag = tagTopological
			}
			if out, ok := m.streams.append(appendHead(dst, majorTag, tag), c, s[1:]); ok {
				return out, true
			}
		}
	case '0' <= c && c <= '9':
		if out, ok := m.streams.appendDecimal(dst, s); ok {
			return out, true
		}
		if out, ok := m.streams.appendPosition(dst, s); ok {
			return out, true
		}
	}
	if m.home != "" && string(s) == m.home {
		return append(dst, itemHome), true
	}
	if out, ok := m.appendPrefixed(dst, s); ok {
		return out, true
	}
	if isUUID(s) {
		return appendHexBytes(appendHead(dst, majorTag, tagUUID), s), true
	}
	return appendEncoded(dst, s)
}

// appendIdentifier appends an identifier with a sigil.
func (m *message) appendIdentifier(dst, s []byte) (out []byte, ok bool) {
	tag := uint64(sigils[s[0]])
	name, local := cutServer(s[1:], m.home)
	switch {
	case local && tag == tagRoom && len(name) != base64URL.EncodedLen(idBytes):
		return appendOpaque(appendHead(dst, majorTag, tag), name), true
	case local:
		// As bytes, the name of a room that is as long as a hash would be one.
		return appendText(appendHead(dst, majorTag, tag), name), true
	case len(name) != base64URL.EncodedLen(idBytes):
		return dst, false
	case tag == tagEvent:
		if out, ok := appendBase64(dst, base64URL, name); ok {
			return out, true
		}
		return appendBase64(appendHead(dst, majorTag, tag), base64Std, name)
	case tag == tagRoom:
		return appendBase64(appendHead(dst, majorTag, tag), base64URL, name)
	default:
		return dst, false
	}
}

// appendPrefixed appends media URIs, key IDs and transaction IDs.
func (m *message) appendPrefixed(dst, s []byte) (out []byte, ok bool) {
	if rest, ok := cutPrefix(s, "mxc://"); ok && m.home != "" {
		if rest, ok = cutPrefix(rest, m.home); ok && len(rest) > 1 && rest[0] == '/' {
			return appendOpaque(appendHead(dst, majorTag, tagMedia), rest[1:]), true
		}
		return dst, false
	}
	for i := range keyAlgorithms {
		a := &keyAlgorithms[i]
		if id, ok := cutPrefix(s, a.prefix); ok {
			return appendKeyID(appendHead(dst, majorTag, a.tag), id), true
		}
	}
	return m.appendTransaction(dst, s)
}

// appendKeyID appends a key ID: a number in base64, a key in base64, or text.
func appendKeyID(dst, id []byte) []byte {
	for row, size := range keyIDBytes {
		if len(id) != base64Std.EncodedLen(size) {
			continue
		}
		var scratch [8]byte
		number, err := base64Std.AppendDecode(scratch[:0], id)
		if err != nil || len(number) != size {
			continue
		}
		n := uint64(0)
		for _, b := range number {
			n = n<<8 | uint64(b)
		}
		// Random IDs would be longer as a number.
		if n < 1<<32 {
			return appendHead(dst, majorUint, n<<2|uint64(row))
		}
	}
	if len(id) == base64Std.EncodedLen(idBytes) {
		if out, ok := appendBase64(dst, base64Std, id); ok {
			return out
		}
	}
	return appendText(dst, id)
}

// isUUID says whether s has the form of a UUID in lower case (RFC 9562 §4).
func isUUID(s []byte) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range s {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (c == '-') || !hyphen && kinds[c]&(hasDigit|hasHexLetter) == 0 {
			return false
		}
	}
	return true
}

// appendTypedText appends the string of a tag whose content is a string or, for key
// IDs, a number.
func (m *message) appendTypedText(dst []byte, in *items, tag uint64) ([]byte, error) {
	for i := range keyAlgorithms {
		if a := &keyAlgorithms[i]; a.tag == tag {
			return appendKeyIDText(append(dst, a.prefix...), in)
		}
	}
	major, s, err := in.string()
	if err != nil {
		return dst, err
	}
	binary := major == majorBytes
	switch tag {
	case tagUser, tagAlias, tagRoom, tagEvent:
		return m.appendIdentifierText(dst, tag, s, binary)
	case tagMedia:
		if m.home == "" {
			return dst, errContent
		}
		dst = append(append(append(dst, "mxc://"...), m.home...), '/')
		return appendOpaqueText(dst, s, binary), nil
	}
	switch {
	case !binary:
		return dst, errContent
	case tag == tagBase64:
		return base64Std.AppendEncode(dst, s), nil
	case tag == tagBase64URL:
		return base64URL.AppendEncode(dst, s), nil
	case tag == tagPaddedBase64:
		return base64Padded.AppendEncode(dst, s), nil
	case tag == tagHex:
		return appendHexText(dst, s), nil
	case tag == tagUUID && len(s) == uuidBytes:
		return appendUUIDText(dst, s), nil
	default:
		return dst, errContent
	}
}

// appendIdentifierText is the inverse of appendIdentifier under its tags.
func (m *message) appendIdentifierText(dst []byte, tag uint64, s []byte, binary bool) ([]byte, error) {
	switch tag {
	case tagUser:
		dst = append(dst, '@')
	case tagAlias:
		dst = append(dst, '#')
	case tagRoom:
		dst = append(dst, '!')
		if binary && len(s) == idBytes {
			return base64URL.AppendEncode(dst, s), nil
		}
	case tagEvent:
		dst = append(dst, '$')
		if binary {
			return base64Std.AppendEncode(dst, s), nil
		}
	}
	if m.home == "" || binary && tag != tagRoom {
		return dst, errContent
	}
	dst = appendOpaqueText(dst, s, binary)
	return append(append(dst, ':'), m.home...), nil
}

// appendOpaqueText is the inverse of appendOpaque.
func appendOpaqueText(dst, s []byte, binary bool) []byte {
	if binary {
		return base64URL.AppendEncode(dst, s)
	}
	return append(dst, s...)
}

// appendKeyIDText is the inverse of appendKeyID.
func appendKeyIDText(dst []byte, in *items) ([]byte, error) {
	major, n, err := in.head()
	if err != nil {
		return dst, err
	}
	switch major {
	case majorUint:
		row := n & 3
		if row >= uint64(len(keyIDBytes)) {
			return dst, errContent
		}
		number := [8]byte{}
		size := keyIDBytes[row]
		if size < len(number) && n>>2>>(8*size) != 0 {
			return dst, errContent
		}
		for i := range size {
			number[size-1-i] = byte(n >> 2 >> (8 * i))
		}
		return base64Std.AppendEncode(dst, number[:size]), nil
	case majorBytes:
		s, err := in.take(n)
		return base64Std.AppendEncode(dst, s), err
	case majorText:
		s, err := in.take(n)
		return append(dst, s...), err
	default:
		return dst, errContent
	}
}

// uuidBytes is the length of a UUID.
const uuidBytes = 16

// appendUUIDText appends a UUID of uuidBytes.
func appendUUIDText(dst, s []byte) []byte {
	for i, b := range s {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

const hexDigits = "0123456789abcdef"

func appendHexText(dst, s []byte) []byte {
	for _, b := range s {
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}
