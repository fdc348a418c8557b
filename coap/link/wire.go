package link

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"
)

// numbers are the profiles by the number that stands for them on the wire, one row
// each. A number is never given to another profile.
var numbers = [...]string{
	0:  "default",
	1:  "leo-broadband",
	2:  "geo-vsat",
	3:  "bgan",
	4:  "certus100",
	5:  "iridium-2400",
	6:  "gprs",
	7:  "nbiot-ce2",
	8:  "sixlowpan",
	9:  "meshtastic-lf",
	10: "vhf-ax25-1200",
	11: "hf-s5066-2400",
	12: "hf-s5066-75",
	13: "hf-vara500",
	14: "fosdem-100bps",
	15: "leo-pass",
	16: "iridium-sbd",
}

// ErrMalformed is a wire form that AppendWire does not write. Whoever reads it
// keeps the profile that he has.
var ErrMalformed = errors.New("malformed link parameters")

// AppendWire appends what the other end of the link must know of p, which must be
// valid: one byte for a profile that ByName knows, else the number of the one from
// which p differs least, and the fields that differ in ascending order, three bytes
// each as a rule and 226 at most in all. Each is its number, then
//
//	bits 7-4: exponent   bits 3-0: length   mantissa, big endian
//
// of the decimal number mantissa × 10^exponent in nanoseconds, bytes, thousandths of
// a bit per second, thousandths (ACK_RANDOM_FACTOR) or as a count; true is 1. The
// form is the shortest: the mantissa has no leading zero byte and does not end in
// the digit 0. Left out is what concerns one end only: name, handshake, keepalive
// and loss.
func (p Profile) AppendWire(dst []byte) []byte {
	all := fields()
	var shortest []byte
	for _, base := range append(Profiles(), Default()) {
		number := slices.Index(numbers[:], base.Name)
		wire := append(make([]byte, 0, 16), byte(number))
		for _, f := range all {
			if n := f.number(&p); f.wire != 0 && n != f.number(&base) {
				wire = appendNumber(append(wire, f.wire), n)
			}
		}
		if shortest == nil || len(wire) < len(shortest) {
			shortest = wire
		}
	}
	return append(dst, shortest...)
}

// ParseWire reads what AppendWire wrote. What does not travel is that of the profile
// from which the result differs. All values are within their bounds, but only
// Validate tells whether the timers fit the link. Errors are ErrUnknownProfile,
// ErrMalformed and *FieldError.
func ParseWire(b []byte) (Profile, error) {
	if len(b) == 0 {
		return Profile{}, ErrMalformed
	}
	var p Profile
	known := false
	if int(b[0]) < len(numbers) {
		p, known = ByName(numbers[b[0]])
	}
	if !known {
		return Profile{}, fmt.Errorf("%w of number %d", ErrUnknownProfile, b[0])
	}
	b = b[1:]
	if len(b) == 0 {
		return p, nil
	}
	p.Name += "-changed"
	for _, f := range fields() {
		if f.wire == 0 || len(b) == 0 || b[0] != f.wire {
			continue
		}
		n, rest, ok := cutNumber(b[1:])
		if !ok || !f.setNumber(&p, n) {
			return Profile{}, ErrMalformed
		}
		b = rest
	}
	if len(b) > 0 { // an unknown number, or one out of order
		return Profile{}, ErrMalformed
	}
	if err := p.ranges(); err != nil {
		return Profile{}, err
	}
	return p, nil
}

// maxNumber is more than Validate lets any field have, in its unit.
const maxNumber = 1e15

// perUnit is how many of a field's smallest unit make one, where it has fractions.
const perUnit = 1000

// number is the value of a field as AppendWire writes it, fractions rounded up.
func (f field) number(p *Profile) uint64 {
	var n int64
	switch at := f.at(p).(type) {
	case *int:
		n = int64(*at)
	case *time.Duration:
		n = int64(*at)
	case *bool:
		if *at {
			n = 1
		}
	case *float64:
		n = int64(math.Round(*at * perUnit))
		if float64(n)/perUnit < *at {
			n++
		}
	}
	return uint64(min(max(n, 0), maxNumber))
}

// setNumber gives a field the value that number returned. ok is false for what no
// field can be.
func (f field) setNumber(p *Profile, n uint64) (ok bool) {
	switch at := f.at(p).(type) {
	case *int:
		*at = int(n)
		return n <= math.MaxInt32
	case *time.Duration:
		*at = time.Duration(n)
	case *bool:
		*at = n == 1
		return n <= 1
	case *float64:
		*at = float64(n) / perUnit
	}
	return true
}

// appendNumber appends a decimal number in its shortest form.
func appendNumber(dst []byte, n uint64) []byte {
	exponent := 0
	for n != 0 && n%10 == 0 {
		n, exponent = n/10, exponent+1
	}
	length := (bits.Len64(n) + 7) / 8
	dst = append(dst, byte(exponent<<4|length))
	for i := length - 1; i >= 0; i-- {
		dst = append(dst, byte(n>>(8*i)))
	}
	return dst
}

// cutNumber reads what appendNumber wrote, up to maxNumber, and returns what stands
// behind it.
func cutNumber(b []byte) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	exponent, length := int(b[0]>>4), int(b[0]&15)
	b = b[1:]
	if length > len(b) || length > 8 || length > 0 && b[0] == 0 {
		return 0, nil, false
	}
	for _, c := range b[:length] {
		n = n<<8 | uint64(c)
	}
	if n == 0 && exponent > 0 || n != 0 && n%10 == 0 {
		return 0, nil, false
	}
	for range exponent {
		if n > maxNumber/10 {
			return 0, nil, false
		}
		n *= 10
	}
	return n, b[length:], n <= maxNumber
}
