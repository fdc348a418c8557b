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

// stream is a token such as "s72594_4483_1934": a letter, numbers, and what stands behind
// each number but the last: "_", or "-" as in Synapse's "t42-72594_4483". The zero stream
// is none.
type stream struct {
	numbers    [maxNumbers]int64
	separators [maxNumbers]byte
	count      int
}

// parse reads what follows the letter.
func (t *stream) parse(s []byte) bool {
	for t.count = 0; t.count < maxNumbers; {
		n, digits := parseNumber(s)
		if digits == 0 {
			return false
		}
		t.numbers[t.count], t.separators[t.count] = n, 0
		t.count++
		s = s[digits:]
		if len(s) == 0 {
			return true
		}
		if s[0] != '_' && s[0] != '-' {
			return false
		}
		t.separators[t.count-1] = s[0]
		s = s[1:]
	}
	return false
}

// streams are the last tokens of each letter in a message; in a response to a /sync also
// that of its request.
type streams struct {
	s, t stream
	// position is the number of the last position of sliding sync, 0 for none.
	position int64
	// decimal is the token from which a response goes on, if it is a number alone, as those
	// of Conduit are; 0 for none.
	decimal int64
}

// of returns the last token with that letter.
func (l *streams) of(letter byte) *stream {
	if letter == 's' {
		return &l.s
	}
	return &l.t
}

// base returns from what the numbers of a token count: the last one of its letter with as
// many numbers, or, for Synapse's "t42-72594_4483", a depth and what the last "s" has. A
// base of no numbers is none.
func (l *streams) base(letter byte, count int) (base stream) {
	if last := l.of(letter); last.count == count {
		return *last
	}
	if letter == 't' && count > 2 && l.s.count == count-1 {
		base.count = count
		copy(base.numbers[1:], l.s.numbers[:])
		base.separators[0] = '-'
		copy(base.separators[1:], l.s.separators[:])
	}
	return base
}

// take keeps a token, if it is one.
func (l *streams) take(token []byte) {
	l.takePosition(token)
	if n, digits := parseNumber(token); digits == len(token) && n >= minDecimal {
		l.decimal = n
	}
	var t stream
	if len(token) > 1 && (token[0] == 's' || token[0] == 't') && t.parse(token[1:]) {
		*l.of(token[0]) = t
	}
}

// isToken says whether an item is a token.
func isToken(item []byte) bool {
	return item[0] == majorTag<<5|tagStream || item[0] == majorTag<<5|tagTopological ||
		item[0] == majorTag<<5|24 && item[1] == tagPosition
}

// append appends a token, that letter and numbers, as an array of integers: the
// differences to its base, if there is one, or else the numbers, -1-n for a number n with
// "-" behind it. ok is false where the separators differ from those that a reader would
// assume.
func (l *streams) append(dst []byte, letter byte, numbers []byte) (out []byte, ok bool) {
	var t stream
	if !t.parse(numbers) {
		return dst, false
	}
	base := l.base(letter, t.count)
	dst = append(dst, majorArray<<5|byte(t.count))
	for i, n := range t.numbers[:t.count] {
		switch {
		case base.count > 0 && base.separators[i] != t.separators[i]:
			return dst, false
		case base.count > 0:
			n -= base.numbers[i]
		case t.separators[i] == '-':
			n = -1 - n
		}
		dst = appendInt(dst, n)
	}
	return dst, true
}

// maxNumber is above every number in a token.
const maxNumber = 1e15

// appendText is the inverse of append; the letter stands at the end of dst. The token is
// then the last one.
func (l *streams) appendText(dst []byte, in *items) ([]byte, error) {
	letter := dst[len(dst)-1]
	major, count, err := in.head()
	if err != nil {
		return dst, err
	}
	if major != majorArray || count == 0 || count > maxNumbers {
		return dst, errContent
	}
	t := stream{count: int(count)}
	base := l.base(letter, t.count)
	for i := range t.count {
		n, err := in.int()
		if err != nil {
			return dst, err
		}
		separator := byte('_')
		switch {
		case base.count > 0:
			if n > maxNumber || n < -maxNumber {
				return dst, errContent
			}
			n += base.numbers[i]
			separator = base.separators[i]
		case n < 0:
			n, separator = -1-n, '-'
		}
		if n < 0 || n >= maxNumber || i == t.count-1 && separator == '-' {
			return dst, errContent
		}
		if i == t.count-1 {
			separator = 0
		}
		t.numbers[i], t.separators[i] = n, separator
		dst = strconv.AppendInt(dst, n, 10)
		if separator != 0 {
			dst = append(dst, separator)
		}
	}
	*l.of(letter) = t
	return dst, nil
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
