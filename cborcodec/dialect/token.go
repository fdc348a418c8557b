package dialect

import "strconv"

// Numbers in tokens stay below these, so that they fit every integer of the wire.
const (
	maxNumberDigits = 15
	maxNumbers      = 23 // an array head of one byte
)

// parseNumber returns the number at the start of s and how many digits it has; none
// if it would be written otherwise, with a leading zero.
func parseNumber(s []byte) (n int64, digits int) {
	for digits < len(s) && digits < maxNumberDigits && '0' <= s[digits] && s[digits] <= '9' {
		n = n*10 + int64(s[digits]-'0')
		digits++
	}
	if digits > 1 && s[0] == '0' {
		return 0, 0
	}
	return n, digits
}

// appendNumbers appends "72594_4483_1934" as an array of integers. A number n before
// a "-" in place of "_" is -1-n, as in Synapse's "42-72594_4483".
func appendNumbers(dst, s []byte) (out []byte, ok bool) {
	at := len(dst)
	dst = append(dst, 0)
	for count := 1; count <= maxNumbers; count++ {
		n, digits := parseNumber(s)
		if digits == 0 {
			return dst, false
		}
		s = s[digits:]
		if len(s) == 0 {
			dst = appendInt(dst, n)
			dst[at] = majorArray<<5 | byte(count)
			return dst, true
		}
		switch s[0] {
		case '_':
		case '-':
			n = -1 - n
		default:
			return dst, false
		}
		dst = appendInt(dst, n)
		s = s[1:]
	}
	return dst, false
}

// appendNumbersText is the inverse of appendNumbers.
func appendNumbersText(dst []byte, in *items) ([]byte, error) {
	major, count, err := in.head()
	if err != nil {
		return dst, err
	}
	if major != majorArray || count == 0 || count > maxNumbers {
		return dst, errContent
	}
	for i := range count {
		n, err := in.int()
		if err != nil {
			return dst, err
		}
		separator := byte('_')
		if n < 0 {
			n, separator = -1-n, '-'
		}
		dst = strconv.AppendInt(dst, n, 10)
		if i < count-1 {
			dst = append(dst, separator)
		} else if separator == '-' {
			return dst, errContent
		}
	}
	return dst, nil
}

// pattern is how a client makes transaction IDs: a time and a counter.
type pattern struct {
	prefix, infix string
	// nanos says that the time is in nanoseconds; on the wire it is milliseconds
	// and a second number, the nanoseconds beyond.
	nanos bool
}

// patterns are wire format: a row is never changed.
var patterns = [...]pattern{
	{prefix: "m", infix: "."},                        // matrix-js-sdk
	{prefix: "mautrix-go_", infix: "_", nanos: true}, // mautrix-go
	{prefix: "", infix: "__inc"},                     // matrix-bot-sdk
	{prefix: "m", infix: ""},                         // matrix-js-sdk, to-device messages of old
}

// Digits of the times in patterns: milliseconds from 2001 to 2286, and what follows
// them in nanoseconds.
const (
	timeDigits = 13
	nanoDigits = 6
)

// appendTransaction appends a transaction ID by the first pattern that it has.
func (m *message) appendTransaction(dst, s []byte) (out []byte, ok bool) {
	for row := range patterns {
		p := &patterns[row]
		rest, ok := cutPrefix(s, p.prefix)
		if !ok || len(rest) < timeDigits || !isTime(rest[:timeDigits]) {
			continue
		}
		ms, _ := parseNumber(rest[:timeDigits])
		rest = rest[timeDigits:]
		nanos := int64(0)
		if p.nanos {
			if len(rest) < nanoDigits {
				continue
			}
			n, err := strconv.ParseUint(string(rest[:nanoDigits]), 10, 32)
			if err != nil {
				continue
			}
			nanos, rest = int64(n), rest[nanoDigits:]
		}
		rest, ok = cutPrefix(rest, p.infix)
		if !ok {
			continue
		}
		n, digits := parseNumber(rest)
		if digits == 0 || digits < len(rest) {
			continue
		}
		count := uint64(3)
		if p.nanos {
			count = 4
		}
		out := appendHead(dst, majorTag, tagTransaction)
		out = appendHead(out, majorArray, count)
		out = appendHead(out, majorUint, uint64(row))
		out = m.clock.append(out, ms)
		if p.nanos {
			out = appendInt(out, nanos)
		}
		return appendInt(out, n), true
	}
	return dst, false
}

// appendTransactionText is the inverse of appendTransaction.
func (m *message) appendTransactionText(dst []byte, in *items) ([]byte, error) {
	major, count, err := in.head()
	if err != nil {
		return dst, err
	}
	row, err := in.uint()
	if err != nil {
		return dst, err
	}
	if major != majorArray || row >= uint64(len(patterns)) {
		return dst, errContent
	}
	p := &patterns[row]
	want := uint64(3)
	if p.nanos {
		want = 4
	}
	if count != want {
		return dst, errContent
	}
	dst = append(dst, p.prefix...)
	if dst, err = m.clock.appendText(dst, in); err != nil {
		return dst, err
	}
	if p.nanos {
		nanos, err := in.uint()
		if err != nil {
			return dst, err
		}
		if nanos >= 1e6 {
			return dst, errContent
		}
		// Six digits, by writing a seventh before them.
		start := len(dst)
		dst = strconv.AppendUint(dst, 1e6+nanos, 10)
		dst = append(dst[:start], dst[start+1:]...)
	}
	n, err := in.uint()
	if err != nil {
		return dst, err
	}
	return strconv.AppendUint(append(dst, p.infix...), n, 10), nil
}

func cutPrefix(s []byte, prefix string) ([]byte, bool) {
	if len(s) < len(prefix) || string(s[:len(prefix)]) != prefix {
		return s, false
	}
	return s[len(prefix):], true
}

// cutServer cuts ":" and the server's name off an identifier.
func cutServer(s []byte, server string) ([]byte, bool) {
	n := len(s) - len(server)
	if server == "" || n < 1 || s[n-1] != ':' || string(s[n:]) != server {
		return s, false
	}
	return s[:n-1], true
}
