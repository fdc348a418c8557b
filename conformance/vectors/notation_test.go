package vectors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// A CoAP message in words, as the files have it in "reads": type, code, message ID, token,
// options and payload, such as
//
//	CON 0.01 mid:0001 token:07 11:"7" 15:"since=s1" 257:01 payload[3]
//
// Values are texts in quotes or hexadecimal digits; of the payload, with which a message
// ends, only the length is said. The reader and the writer of this file
// are made from RFC 7252 §3 alone and share nothing with coap/endpoint.

var types = [...]string{"CON", "NON", "ACK", "RST"}

var errNotCoAP = errors.New("no CoAP message")

// readMessage writes a datagram in words.
func readMessage(d []byte) (string, error) {
	if len(d) < 4 || d[0]>>6 != 1 || d[0]&15 > 8 || len(d) < 4+int(d[0]&15) {
		return "", errNotCoAP
	}
	var b strings.Builder
	size := int(d[0] & 15)
	fmt.Fprintf(&b, "%s %d.%02d mid:%04x token:%x", types[d[0]>>4&3], d[1]>>5, d[1]&31, binary.BigEndian.Uint16(d[2:]), d[4:4+size])
	number := 0
	for rest := d[4+size:]; len(rest) > 0; {
		if rest[0] == 0xff {
			if len(rest) == 1 {
				return "", errNotCoAP
			}
			fmt.Fprintf(&b, " payload[%d]", len(rest)-1)
			break
		}
		delta, length := int(rest[0]>>4), int(rest[0]&15)
		rest = rest[1:]
		for _, v := range []*int{&delta, &length} {
			extra := max(0, *v-12)
			if extra > 2 || len(rest) < extra {
				return "", errNotCoAP
			}
			switch extra {
			case 1:
				*v = 13 + int(rest[0])
			case 2:
				*v = 269 + int(binary.BigEndian.Uint16(rest))
			}
			rest = rest[extra:]
		}
		if len(rest) < length {
			return "", errNotCoAP
		}
		number += delta
		fmt.Fprintf(&b, " %d:%s", number, quoted(number, rest[:length]))
		rest = rest[length:]
	}
	return b.String(), nil
}

// textOptions have values that are texts.
var textOptions = map[int]bool{3: true, 8: true, 11: true, 15: true, 20: true, 35: true, 39: true, 256: true, 261: true}

// quoted writes the value of an option.
func quoted(number int, v []byte) string {
	if s := string(v); textOptions[number] && isText(s) && !strings.ContainsFunc(s, unicode.IsControl) {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%x", v)
}

// writeMessage is the inverse of readMessage, with the payload as "payload:" and a value.
// Without token, options or payload they are left out.
func writeMessage(words string) ([]byte, error) {
	kind, rest, _ := strings.Cut(words, " ")
	var class, detail int
	var mid uint16
	var d []byte
	for i, name := range types {
		if name == kind {
			d = []byte{1<<6 | byte(i)<<4, 0, 0, 0}
		}
	}
	code, rest, _ := strings.Cut(rest, " ")
	id, rest, _ := strings.Cut(rest, " ")
	if _, err := fmt.Sscanf(code+" "+id, "%d.%02d mid:%04x", &class, &detail, &mid); err != nil || d == nil {
		return nil, fmt.Errorf("%q: %w", words, errNotCoAP)
	}
	d[1] = byte(class<<5 | detail)
	binary.BigEndian.PutUint16(d[2:], mid)
	number := 0
	for rest != "" {
		name, tail, ok := strings.Cut(rest, ":")
		if !ok {
			return nil, fmt.Errorf("%q: %w", rest, errNotCoAP)
		}
		var v []byte
		var err error
		if v, rest, err = value(tail); err != nil {
			return nil, fmt.Errorf("%q: %w", tail, err)
		}
		switch name {
		case "token":
			d[0] |= byte(len(v))
			d = append(d, v...)
		case "payload":
			d = append(append(d, 0xff), v...)
		default:
			n, err := strconv.Atoi(name)
			if err != nil || n < number {
				return nil, fmt.Errorf("option %q: %w", name, errNotCoAP)
			}
			d = appendOption(d, n-number, v)
			number = n
		}
	}
	return d, nil
}

// value takes a value from the front of a text.
func value(text string) (v []byte, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		prefix, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, "", err
		}
		s, err := strconv.Unquote(prefix)
		return []byte(s), strings.TrimPrefix(text[len(prefix):], " "), err
	}
	digits, rest, _ := strings.Cut(text, " ")
	v, err = fromHex(digits)
	return v, rest, err
}

// appendOption appends one option (RFC 7252 §3.1).
func appendOption(d []byte, delta int, v []byte) []byte {
	nibble := func(n int) (byte, []byte) {
		switch {
		case n < 13:
			return byte(n), nil
		case n < 269:
			return 13, []byte{byte(n - 13)}
		}
		return 14, binary.BigEndian.AppendUint16(nil, uint16(n-269))
	}
	high, deltas := nibble(delta)
	low, lengths := nibble(len(v))
	d = append(append(append(d, high<<4|low), deltas...), lengths...)
	return append(d, v...)
}
