package dialect

import (
	"bytes"
	"strconv"
)

// pattern is how a client makes transaction IDs: a time and a counter, with constant text
// before and between them.
type pattern struct {
	// number is that on the wire. A UUID has this and the three above it.
	number        uint64
	prefix, infix string
	// nanos says that the time is in nanoseconds; on the wire it is milliseconds
	// and, in nanosBytes, the nanoseconds beyond.
	nanos bool
	// counterFirst says that the counter stands before the time.
	counterFirst bool
	// named says that what stands first is the client's name, and then the prefix.
	named bool
	// drawn says that, instead of time and counter, what is drawn by lot follows the prefix.
	drawn lot
}

// patterns are wire format: a row is never changed.
var patterns = [...]pattern{
	{number: 0, prefix: "m", infix: "."},                                     // matrix-js-sdk
	{number: 1, prefix: "mautrix-go_", infix: "_", nanos: true},              // mautrix-go
	{number: 2, prefix: "", infix: "__inc"},                                  // matrix-bot-sdk
	{number: 3, prefix: "m", infix: ""},                                      // matrix-js-sdk, to-device messages of old
	{number: 4, prefix: "mautrix-python_R", infix: "@T", counterFirst: true}, // mautrix-python
	{number: 5, prefix: "-", infix: "-", counterFirst: true, named: true},    // matrix-dart-sdk: "FluffyChat android-5-1700000000000"
	{number: 6, prefix: "t", drawn: lotHex},                                  // hydrogen-sdk
	{number: 8, prefix: "", drawn: lotUUID},                                  // many
	{number: 12, prefix: "", drawn: lotPlainUUID},                            // Ruma: matrix-rust-sdk, Element X
	{number: 16, prefix: "$local.", drawn: lotUUID},                          // matrix-android-sdk2
}

// patternOf returns the pattern that a number on the wire has, and how far it is above
// that of the row.
func patternOf(number uint64) (p *pattern, above byte, ok bool) {
	for row := range patterns {
		p := &patterns[row]
		if d := number - p.number; d < p.drawn.numbers() {
			return p, byte(d), true
		}
	}
	return nil, 0, false
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

// nanosBytes are those of nanoseconds beyond the millisecond, in a byte string: nothing
// foretells them, which the coder expects of byte strings and not of integers.
const nanosBytes = 3

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
				return p.drawn.append(dst, p.number, rest), true
			}
			continue
		}
		t, ok := p.split(s)
		if !ok {
			continue
		}
		out := appendHead(dst, majorTag, tagTransaction)
		out = appendHead(out, majorArray, p.fields())
		out = appendHead(out, majorUint, p.number)
		out = m.clock.append(out, t.ms)
		out = appendInt(out, t.count-m.counted)
		switch {
		case p.nanos:
			out = append(out, majorBytes<<5|nanosBytes, byte(t.nanos>>16), byte(t.nanos>>8), byte(t.nanos))
		case p.named:
			out = appendText(out, t.name)
		}
		return out, true
	}
	return dst, false
}

// appendTransactionText is the inverse of appendTransaction.
func (m *message) appendTransactionText(dst []byte, in *items) ([]byte, error) {
	major, count, err := in.head()
	if err != nil {
		return dst, err
	}
	number, err := in.uint()
	if err != nil {
		return dst, err
	}
	p, above, ok := patternOf(number)
	if major != majorArray || !ok || count != p.fields() {
		return dst, errContent
	}
	if p.drawn != lotNone {
		return p.drawn.appendText(append(dst, p.prefix...), in, above)
	}
	// On the wire time and counter come first, wherever their digits stand.
	at := len(dst)
	if dst, err = m.clock.appendText(dst, in); err != nil {
		return dst, err
	}
	var ms [timeDigits]byte
	copy(ms[:], dst[at:])
	dst = dst[:at]
	n, err := m.readCounter(in)
	if err != nil {
		return dst, err
	}
	nanos := uint64(0)
	switch {
	case p.nanos:
		if nanos, err = readNanos(in); err != nil {
			return dst, err
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

// readNanos reads the nanoseconds beyond a millisecond.
func readNanos(in *items) (uint64, error) {
	major, b, err := in.string()
	if err != nil {
		return 0, err
	}
	if major != majorBytes || len(b) != nanosBytes {
		return 0, errContent
	}
	n := uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
	if n >= 1e6 {
		return 0, errContent
	}
	return n, nil
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
