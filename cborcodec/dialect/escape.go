package dialect

import (
	"encoding/hex"
	"strings"
)

// unescape removes percent-encoding (RFC 3986 §2.1), and in a query takes "+" for a space;
// false where an escape is malformed. Package net/url would bring the network along.
func unescape(s string, query bool) (string, bool) {
	if query {
		s = strings.ReplaceAll(s, "+", " ")
	}
	before, rest, found := strings.Cut(s, "%")
	if !found {
		return s, true
	}
	out := []byte(before)
	for found {
		if len(rest) < 2 {
			return "", false
		}
		b, err := hex.DecodeString(rest[:2])
		if err != nil {
			return "", false
		}
		out = append(out, b...)
		before, rest, found = strings.Cut(rest[2:], "%")
		out = append(out, before...)
	}
	return string(out), true
}
