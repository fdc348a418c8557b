package cborcodec

import "unicode/utf8"

// scanner cuts a JSON text (RFC 8259) into tokens and checks their grammar.
type scanner struct {
	src []byte
	pos int
}

func (s *scanner) fail(reason Reason) error { return syntaxError(s.pos, reason) }

// peek skips white space (RFC 8259 §2) and returns the next byte, or 0 at the end,
// which no token starts with.
func (s *scanner) peek() byte {
	for ; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// unexpected is the error for a byte that peek returned and nothing accepts.
func (s *scanner) unexpected() error {
	if s.pos == len(s.src) {
		return s.fail(ReasonTruncated)
	}
	return s.fail(ReasonToken)
}

// expect consumes c after optional white space.
func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return s.unexpected()
	}
	s.pos++
	return nil
}

// end reports an error unless only white space is left.
func (s *scanner) end() error {
	s.peek()
	if s.pos < len(s.src) {
		return s.fail(ReasonTrailing)
	}
	return nil
}

// literal consumes true, false or null; the first letter is already known.
func (s *scanner) literal(word string) error {
	for i := range len(word) {
		if s.pos == len(s.src) || s.src[s.pos] != word[i] {
			return s.unexpected()
		}
		s.pos++
	}
	return nil
}

// numberToken is a number as written.
type numberToken struct {
	text []byte
	// integer says that text has neither fraction nor exponent.
	integer bool
}

// number consumes a number (RFC 8259 §6) that starts with '-' or a digit.
func (s *scanner) number() (numberToken, error) {
	start := s.pos
	if s.src[s.pos] == '-' {
		s.pos++
	}
	leading := s.pos
	if err := s.digits(); err != nil {
		return numberToken{}, err
	}
	if s.src[leading] == '0' && s.pos > leading+1 {
		return numberToken{}, syntaxError(leading+1, ReasonNumber)
	}
	integer := true
	if s.pos < len(s.src) && s.src[s.pos] == '.' {
		integer = false
		s.pos++
		if err := s.digits(); err != nil {
			return numberToken{}, err
		}
	}
	if s.pos < len(s.src) && s.src[s.pos]|0x20 == 'e' {
		integer = false
		s.pos++
		if s.pos < len(s.src) && (s.src[s.pos] == '+' || s.src[s.pos] == '-') {
			s.pos++
		}
		if err := s.digits(); err != nil {
			return numberToken{}, err
		}
	}
	return numberToken{text: s.src[start:s.pos], integer: integer}, nil
}

// digits consumes one digit or more.
func (s *scanner) digits() error {
	start := s.pos
	for s.pos < len(s.src) && isDigit(s.src[s.pos]) {
		s.pos++
	}
	switch {
	case s.pos > start:
		return nil
	case s.pos == len(s.src):
		return s.fail(ReasonTruncated)
	default:
		return s.fail(ReasonNumber)
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// stringToken is a string as written, checked but not yet unescaped.
type stringToken struct {
	// raw is what stands between the quotes.
	raw []byte
	// size is the length of the unescaped string, in bytes of UTF-8 (WTF-8 if
	// surrogates is set).
	size int
	// surrogates says that an escape names a surrogate without its partner, which
	// UTF-8 cannot hold.
	surrogates bool
}

// escaped says whether raw contains escapes: every escape is longer than what it
// stands for.
func (t stringToken) escaped() bool { return t.size < len(t.raw) }

// Classes of bytes inside a JSON string.
const (
	plainByte = iota
	quoteByte
	escapeByte
	controlByte
	highByte
)

// stringBytes gives the class of each byte inside a JSON string (RFC 8259 §7).
var stringBytes = classifyStringBytes()

func classifyStringBytes() (classes [256]uint8) {
	for c := range classes {
		switch {
		case c < 0x20:
			classes[c] = controlByte
		case c >= utf8.RuneSelf:
			classes[c] = highByte
		}
	}
	classes['"'] = quoteByte
	classes['\\'] = escapeByte
	return classes
}

// string consumes a string; s.pos is at its opening quote.
func (s *scanner) string() (stringToken, error) {
	s.pos++
	start := s.pos
	t := stringToken{}
	high := false // some byte is not ASCII
	saved := 0    // bytes that unescaping saves
	for {
		for s.pos < len(s.src) && stringBytes[s.src[s.pos]] == plainByte {
			s.pos++
		}
		if s.pos == len(s.src) {
			return t, s.fail(ReasonTruncated)
		}
		switch stringBytes[s.src[s.pos]] {
		case quoteByte:
			t.raw = s.src[start:s.pos]
			if high && !utf8.Valid(t.raw) {
				return t, syntaxError(start+validPrefix(t.raw), ReasonUTF8)
			}
			t.size = len(t.raw) - saved
			s.pos++
			return t, nil
		case escapeByte:
			r, n := unescape(s.src[s.pos:])
			if n == 0 {
				return t, s.badEscape()
			}
			if isSurrogate(r) {
				t.surrogates = true
			}
			saved += n - sizeWTF8(r)
			s.pos += n
		case controlByte:
			return t, s.fail(ReasonControl)
		case highByte:
			high = true
			s.pos++
		}
	}
}

// badEscape tells an escape that is cut off from one that is wrong.
func (s *scanner) badEscape() error {
	rest := s.src[s.pos+1:]
	if len(rest) == 0 {
		return syntaxError(len(s.src), ReasonTruncated)
	}
	if rest[0] == 'u' && len(rest) < 5 && hexPrefix(rest[1:]) == len(rest)-1 {
		return syntaxError(len(s.src), ReasonTruncated)
	}
	return s.fail(ReasonEscape)
}
