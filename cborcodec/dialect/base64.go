package dialect

import "encoding/base64"

// minOpaque is the shortest string, in bytes, that is tried as an encoding of bytes.
// Shorter ones gain too little, and are words too often.
const minOpaque = 16

// Strict decoders refuse what encodes the same bytes in another way (RFC 4648 §3.5).
var (
	base64Std    = base64.RawStdEncoding.Strict()
	base64URL    = base64.RawURLEncoding.Strict()
	base64Padded = base64.StdEncoding.Strict()
)

// alphabet is the set of kinds of characters that occur in a string.
type alphabet uint8

const (
	hasDigit alphabet = 1 << iota
	hasHexLetter
	hasLower // beyond f
	hasUpper
	hasStd // + or /
	hasURL // - or _
	hasPad // =
	hasOther
)

// kinds gives the kind of each byte.
var kinds = func() (k [256]alphabet) {
	for c := range k {
		switch {
		case '0' <= c && c <= '9':
			k[c] = hasDigit
		case 'a' <= c && c <= 'f':
			k[c] = hasHexLetter
		case 'g' <= c && c <= 'z':
			k[c] = hasLower
		case 'A' <= c && c <= 'Z':
			k[c] = hasUpper
		case c == '+' || c == '/':
			k[c] = hasStd
		case c == '-' || c == '_':
			k[c] = hasURL
		case c == '=':
			k[c] = hasPad
		default:
			k[c] = hasOther
		}
	}
	return k
}()

// survey returns what occurs in s, and whether it looks random: the kind of
// character changes at least once in four, which it does not in words.
func survey(s []byte) (seen alphabet, random bool) {
	changes := 0
	last := alphabet(0)
	for _, c := range s {
		kind := kinds[c]
		seen |= kind
		if seen&hasOther != 0 {
			return seen, false
		}
		if kind == hasHexLetter {
			kind = hasLower
		}
		if kind != last {
			changes++
			last = kind
		}
	}
	return seen, changes*4 >= len(s)
}

// appendEncoded appends s as bytes under the tag of the encoding that it has.
func appendEncoded(dst, s []byte) (out []byte, ok bool) {
	if len(s) < minOpaque {
		return dst, false
	}
	seen, random := survey(s)
	switch {
	case seen&hasOther != 0:
		return dst, false
	case len(s)%2 == 0 && seen == hasDigit|hasHexLetter:
		return appendHexBytes(appendHead(dst, majorTag, tagHex), s), true
	case !random:
		return dst, false
	case seen&hasPad != 0 && seen&hasURL == 0:
		return appendBase64(appendHead(dst, majorTag, tagPaddedBase64), base64Padded, s)
	case seen&hasPad != 0:
		return dst, false
	case seen&hasURL == 0:
		return appendBase64(appendHead(dst, majorTag, tagBase64), base64Std, s)
	case seen&hasStd == 0:
		return appendBase64(appendHead(dst, majorTag, tagBase64URL), base64URL, s)
	default:
		return dst, false
	}
}

// appendBase64 appends the bytes that s encodes as a byte string.
func appendBase64(dst []byte, encoding *base64.Encoding, s []byte) (out []byte, ok bool) {
	size := encoding.DecodedLen(len(s))
	if n := len(s); n > 0 && s[n-1] == '=' { // only with padding
		size--
		if n > 1 && s[n-2] == '=' {
			size--
		}
	}
	out = appendHead(dst, majorBytes, uint64(size))
	start := len(out)
	out, err := encoding.AppendDecode(out, s)
	return out, err == nil && len(out)-start == size
}

// appendOpaque appends s as text, or as the bytes that it is base64url of.
func appendOpaque(dst, s []byte) []byte {
	if len(s) >= minOpaque {
		if seen, random := survey(s); random && seen&(hasOther|hasStd|hasPad) == 0 {
			if out, ok := appendBase64(dst, base64URL, s); ok {
				return out
			}
		}
	}
	return appendText(dst, s)
}

func appendText(dst, s []byte) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

// appendHexBytes appends the bytes whose digits s has, skipping hyphens.
func appendHexBytes(dst, s []byte) []byte {
	digits := 0
	for _, c := range s {
		if c != '-' {
			digits++
		}
	}
	dst = appendHead(dst, majorBytes, uint64(digits/2))
	high := true
	for _, c := range s {
		if c == '-' {
			continue
		}
		v := c - '0'
		if c >= 'a' {
			v = c - 'a' + 10
		}
		if high {
			dst = append(dst, v<<4)
		} else {
			dst[len(dst)-1] |= v
		}
		high = !high
	}
	return dst
}
