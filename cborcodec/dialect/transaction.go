package dialect

import (
	"bytes"
	"strconv"
)

// pattern is how a client makes transaction IDs: a time and a counter, with constant text
// before and between them.
type pattern struct {
	prefix, infix string
	// nanos says that the time is in nanoseconds; on the wire it is milliseconds
	// and a second number, the nanoseconds beyond.
	nanos bool
	// counterFirst says that the counter stands before the time.
	counterFirst bool
	// named says that what stands first is the client's name, and then the prefix.
	named bool
	// drawn says that, instead of time and counter, what is drawn by lot follows the prefix.
	drawn lot
}

// lot is how what is drawn by lot is written.
type lot uint8

const (
	lotNone lot = iota
	lotUUID     // a UUID
	lotHex      // lotBytes as hexadecimal digits
)

// lotBytes are those of lotHex: the random numbers of JavaScript have 53 bits.
const lotBytes = 7

// patterns are wire format: a row is never changed.
var patterns = [...]pattern{
	{prefix: "m", infix: "."},                                     // matrix-js-sdk
	{prefix: "mautrix-go_", infix: "_", nanos: true},              // mautrix-go
	{prefix: "", infix: "__inc"},                                  // matrix-bot-sdk
	{prefix: "m", infix: ""},                                      // matrix-js-sdk, to-device messages of old
	{prefix: "mautrix-python_R", infix: "@T", counterFirst: true}, // mautrix-python
	{prefix: "-", infix: "-", counterFirst: true, named: true},    // matrix-dart-sdk: "FluffyChat android-5-1700000000000"
	{prefix: "$local.", drawn: lotUUID},                           // matrix-android-sdk2
	{prefix: "t", drawn: lotHex},                                  // hydrogen-sdk
}

// fields is how many items a transaction ID of the pattern has.
func (p *pattern) fields() uint64 {
	switch {
	case p.drawn != lotNone:
		return 2
	case p.nanos || p.named:
		return 4
	default:
		return 3
	}
}

// Digits of the times in patterns: milliseconds from 2001 to 2286, and what follows
// them in nanoseconds.
const (
	timeDigits = 13
	nanoDigits = 6
)

// transaction is a transaction ID taken apart.
type transaction struct {
	name             []byte
	ms, nanos, count int64
}

// split takes s apart if it has the pattern.
func (p *pattern) split(s []byte) (t transaction, ok bool) {
	if p.counterFirst {
		return p.splitCounterFirst(s)
	}
	rest, ok := cutPrefix(s, p.prefix)
	if !ok || len(rest) < timeDigits || !isTime(rest[:timeDigits]) {
		return t, false
	}
	t.ms, _ = parseNumber(rest[:timeDigits])
	rest = rest[timeDigits:]
	if p.nanos {
		if len(rest) < nanoDigits {
			return t, false
		}
		n, err := strconv.ParseUint(string(rest[:nanoDigits]), 10, 32)
		if err != nil {
			return t, false
		}
		t.nanos, rest = int64(n), rest[nanoDigits:]
	}
	if rest, ok = cutPrefix(rest, p.infix); !ok {
		return t, false
	}
	digits := 0
	t.count, digits = parseNumber(rest)
	return t, digits > 0 && digits == len(rest)
}

// splitCounterFirst reads from the end, since a name may hold anything.
func (p *pattern) splitCounterFirst(s []byte) (t transaction, ok bool) {
	at := len(s) - timeDigits
	if at < 0 || !isTime(s[at:]) || !bytes.HasSuffix(s[:at], []byte(p.infix)) {
		return t, false
	}
	t.ms, _ = parseNumber(s[at:])
	s = s[:at-len(p.infix)]
	at = len(s)
	for at > 0 && '0' <= s[at-1] && s[at-1] <= '9' {
		at--
	}
	digits := 0
	t.count, digits = parseNumber(s[at:])
	if digits == 0 || digits < len(s)-at || !bytes.HasSuffix(s[:at], []byte(p.prefix)) {
		return t, false
	}
	t.name = s[:at-len(p.prefix)]
	return t, p.named == (len(t.name) > 0)
}

// appendTransaction appends a transaction ID by the first pattern that it has.
func (m *message) appendTransaction(dst, s []byte) (out []byte, ok bool) {
	for row := range patterns {
		p := &patterns[row]
		if p.drawn != lotNone {
			if rest, ok := cutPrefix(s, p.prefix); ok && p.drawn.fits(rest) {
				dst = append(appendHead(dst, majorTag, tagTransaction), majorArray<<5|2)
				return appendHexBytes(appendHead(dst, majorUint, uint64(row)), rest), true
			}
			continue
		}
		t, ok := p.split(s)
		if !ok {
			continue
		}
		out := appendHead(dst, majorTag, tagTransaction)
		out = appendHead(out, majorArray, p.fields())
		out = appendHead(out, majorUint, uint64(row))
		out = m.clock.append(out, t.ms)
		switch {
		case p.nanos:
			out = appendInt(out, t.nanos)
		case p.named:
			out = appendText(out, t.name)
		}
		return appendInt(out, t.count-m.counted), true
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
	if major != majorArray || row >= uint64(len(patterns)) || count != patterns[row].fields() {
		return dst, errContent
	}
	p := &patterns[row]
	if p.drawn != lotNone {
		return p.drawn.appendText(append(dst, p.prefix...), in)
	}
	// The time comes first on the wire, but its digits may stand last.
	at := len(dst)
	if dst, err = m.clock.appendText(dst, in); err != nil {
		return dst, err
	}
	var ms [timeDigits]byte
	copy(ms[:], dst[at:])
	dst = dst[:at]
	nanos := uint64(0)
	switch {
	case p.nanos:
		if nanos, err = in.uint(); err != nil {
			return dst, err
		}
		if nanos >= 1e6 {
			return dst, errContent
		}
	case p.named:
		kind, name, err := in.string()
		if err != nil {
			return dst, err
		}
		if kind != majorText {
			return dst, errContent
		}
		dst = append(dst, name...)
	}
	n, err := m.readCounter(in)
	if err != nil {
		return dst, err
	}
	dst = append(dst, p.prefix...)
	if p.counterFirst {
		dst = append(strconv.AppendInt(dst, n, 10), p.infix...)
		return append(dst, ms[:]...), nil
	}
	dst = append(dst, ms[:]...)
	if p.nanos {
		// Six digits, by writing a seventh before them.
		start := len(dst)
		dst = strconv.AppendUint(dst, 1e6+nanos, 10)
		dst = append(dst[:start], dst[start+1:]...)
	}
	return strconv.AppendInt(append(dst, p.infix...), n, 10), nil
}

// fits says whether s is written so.
func (l lot) fits(s []byte) bool {
	if l == lotUUID {
		return isUUID(s)
	}
	if len(s) != 2*lotBytes {
		return false
	}
	for _, c := range s {
		if kinds[c]&(hasDigit|hasHexLetter) == 0 {
			return false
		}
	}
	return true
}

// appendText appends what was drawn.
func (l lot) appendText(dst []byte, in *items) ([]byte, error) {
	major, b, err := in.string()
	if err != nil {
		return dst, err
	}
	switch {
	case major != majorBytes:
		return dst, errContent
	case l == lotUUID && len(b) == uuidBytes:
		return appendUUIDText(dst, b), nil
	case l == lotHex && len(b) == lotBytes:
		return appendHexText(dst, b), nil
	default:
		return dst, errContent
	}
}

// readCounter reads the counter of a transaction ID, and notes it.
func (m *message) readCounter(in *items) (int64, error) {
	n, err := in.int()
	if err != nil {
		return 0, err
	}
	if n > maxNumber || n < -maxNumber {
		return 0, errContent
	}
	n += m.counted
	if n < 0 || n >= maxNumber {
		return 0, errContent
	}
	m.x.learnCount(n)
	return n, nil
}
