package dialect

import "strconv"

// A string of digits is its number. Conduit's sync tokens are such strings, so in an
// answer one that is near the token from which it goes on is a negative integer: -1-2n for
// n beyond it, and -2n for n before it.

// minDecimal is the smallest token that is counted from, and maxNear how far another may
// be from it: what is shorter as a number is one.
const (
	minDecimal = 256
	maxNear    = 1 << 15
)

// appendDecimal appends a string of digits as a number.
func (l *streams) appendDecimal(dst, s []byte) (out []byte, ok bool) {
	n, digits := parseNumber(s)
	if digits < len(s) {
		return dst, false
	}
	dst = appendHead(dst, majorTag, tagDecimal)
	switch d := n - l.decimal; {
	case l.decimal == 0 || d >= maxNear || d <= -maxNear || n < minDecimal:
		return appendInt(dst, n), true
	case d < 0:
		return appendInt(dst, 2*d), true
	default:
		return appendInt(dst, -1-2*d), true
	}
}

// appendDecimalText is the inverse of appendDecimal.
func (l *streams) appendDecimalText(dst []byte, in *items) ([]byte, error) {
	major, n, err := in.head()
	switch {
	case err != nil:
		return dst, err
	case major == majorUint:
		return strconv.AppendUint(dst, n, 10), nil
	case major != majorNegative:
		return dst, errItem
	case l.decimal == 0 || n >= 2*maxNear:
		return dst, errContent
	}
	// n is -1 minus the integer.
	d := int64(n / 2)
	if n%2 == 1 {
		d = -d - 1
	}
	if l.decimal+d < 0 {
		return dst, errContent
	}
	return strconv.AppendInt(dst, l.decimal+d, 10), nil
}
