package dialect

import "strconv"

// A position of simplified sliding sync (MSC4186) is, with Synapse, the number of the
// answer on its connection and a stream token: "5/s72594_4483_1934".

// positionInfix stands between both.
const positionInfix = "/s"

// splitPosition returns the number of a position and its token without the letter.
func splitPosition(s []byte) (n int64, token []byte, ok bool) {
	n, digits := parseNumber(s)
	if digits == 0 {
		return 0, nil, false
	}
	token, ok = cutPrefix(s[digits:], positionInfix)
	return n, token, ok
}

// appendPosition appends a position: the difference of its number to the last one in the
// message, and the token as an array of its own, as elsewhere.
func (l *streams) appendPosition(dst, s []byte) (out []byte, ok bool) {
	n, token, ok := splitPosition(s)
	if !ok {
		return dst, false
	}
	out = append(appendHead(dst, majorTag, tagPosition), majorArray<<5|2)
	out = appendInt(out, n-l.position)
	return l.append(out, 's', token)
}

// appendPositionText is the inverse of appendPosition.
func (l *streams) appendPositionText(dst []byte, in *items) ([]byte, error) {
	major, count, err := in.head()
	if err != nil {
		return dst, err
	}
	if major != majorArray || count != 2 {
		return dst, errContent
	}
	n, err := in.int()
	if err != nil {
		return dst, err
	}
	if n > maxNumber || n < -maxNumber {
		return dst, errContent
	}
	n += l.position
	if n < 0 || n >= maxNumber {
		return dst, errContent
	}
	dst = append(strconv.AppendInt(dst, n, 10), positionInfix...)
	if dst, err = l.appendText(dst, in); err != nil {
		return dst, err
	}
	l.position = n
	return dst, nil
}

// takePosition keeps a position, if it is one.
func (l *streams) takePosition(s []byte) {
	var t stream
	if n, token, ok := splitPosition(s); ok && t.parse(token) {
		l.position, l.s = n, t
	}
}
