package cborcodec

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
)

// Bounds of what is converted between number bases, whose cost grows with the
// square of the length. Longer integers travel as text, so nothing is lost.
const (
	maxBignumDigits = 1024
	// maxBignumBytes holds every integer of maxBignumDigits digits.
	maxBignumBytes = 426
	// maxFractionDigits is the longest fraction that a decimal fraction is written
	// out to; beyond it, and for positive exponents, it is written with an exponent.
	maxFractionDigits = 64
	// maxFractionText is the longest text that is tried as a decimal fraction.
	maxFractionText = 128
	// maxFloatText is longer than the text of any float64 in shortest form.
	maxFloatText = 32
	// maxSafeInteger is the largest float64 below which all integers are exact.
	maxSafeInteger = 1 << 53
	// exponentFrom is the magnitude from which integral floats are written with an
	// exponent, as ECMAScript does (RFC 8785 §3.2.2.3).
	exponentFrom = 1e21
)

// appendNumber appends a JSON number in the first of these forms that gives back
// its text: integer or bignum, float, decimal fraction, JSON text under a tag. If
// untagged is set, a plain item of equal value goes before all of them.
func appendNumber(dst []byte, number numberToken, untagged bool) []byte {
	text := number.text
	if number.integer {
		return appendInteger(dst, text)
	}
	if len(text) <= maxFloatText {
		// An error means beyond the range of float64.
		if f, err := strconv.ParseFloat(string(text), 64); err == nil {
			var scratch [maxFloatText]byte
			shortest := appendFloatText(scratch[:0], f)
			switch {
			case bytes.Equal(shortest, text):
				return appendFloat(dst, f)
			case untagged && sameValue(shortest, text):
				return appendValue(dst, f)
			}
		}
	}
	if out, ok := appendDecimalFraction(dst, text); ok {
		return out
	}
	return appendNumberText(dst, text)
}

// appendValue appends f as an integer if it is one, else as a float.
func appendValue(dst []byte, f float64) []byte {
	if f != math.Trunc(f) || math.Abs(f) > maxSafeInteger || isNegativeZero(f) {
		return appendFloat(dst, f)
	}
	if f < 0 {
		return appendHead(dst, majorNegative, uint64(-1-f))
	}
	return appendHead(dst, majorUint, uint64(f))
}

func isNegativeZero(f float64) bool { return f == 0 && math.Signbit(f) }

// appendNumberText appends a number as embedded JSON, which keeps any text.
func appendNumberText(dst, text []byte) []byte {
	dst = appendHead(dst, majorTag, tagJSON)
	dst = appendHead(dst, majorBytes, uint64(len(text)))
	return append(dst, text...)
}

// appendInteger appends an integer in JSON form.
func appendInteger(dst, text []byte) []byte {
	digits := text
	major := byte(majorUint)
	if text[0] == '-' {
		digits = text[1:]
		major = majorNegative
	}
	n, ok := parseUint(digits)
	switch {
	case !ok:
		return appendBignum(dst, text)
	case major == majorUint:
		return appendHead(dst, majorUint, n)
	case n == 0: // only a float has a negative zero
		return appendFloat(dst, math.Copysign(0, -1))
	default:
		return appendHead(dst, majorNegative, n-1) // RFC 8949 §3.1: -1 - n
	}
}

// parseUint parses decimal digits that fit 64 bits.
func parseUint(digits []byte) (n uint64, ok bool) {
	const cutoff = math.MaxUint64 / 10
	for _, c := range digits {
		d := uint64(c - '0')
		if n > cutoff || n == cutoff && d > math.MaxUint64%10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// appendBignum appends an integer beyond 64 bits (RFC 8949 §3.4.3).
func appendBignum(dst, text []byte) []byte {
	if len(text) > maxBignumDigits {
		return appendNumberText(dst, text)
	}
	n, _ := new(big.Int).SetString(string(text), 10) // cannot fail: the scanner checked text
	major, tag := byte(majorUint), uint64(tagPositiveBignum)
	if n.Sign() < 0 {
		major, tag = majorNegative, tagNegativeBignum
		n.Not(n) // -1 - n
	}
	if n.IsUint64() { // -2^64
		return appendHead(dst, major, n.Uint64())
	}
	magnitude := n.Bytes()
	dst = appendHead(dst, majorTag, tag)
	dst = appendHead(dst, majorBytes, uint64(len(magnitude)))
	return append(dst, magnitude...)
}

// appendDecimalFraction appends a number with a fraction or an exponent as
// mantissa × 10^exponent (RFC 8949 §3.4.4), if appendFractionText gives back the
// same text: "12.340", not "-0.0"; "5e3", not "5E3", "5e+3", "5.0e3" or "5e-3".
func appendDecimalFraction(dst, text []byte) (out []byte, ok bool) {
	if len(text) > maxFractionText {
		return dst, false
	}
	var scratch [maxFractionText]byte
	mantissa := scratch[:0]
	var exponent int64
	if point := bytes.IndexByte(text, '.'); point >= 0 {
		fraction := text[point+1:]
		if len(fraction) > maxFractionDigits || bytes.ContainsAny(fraction, "eE") {
			return dst, false
		}
		exponent = -int64(len(fraction))
		mantissa = append(append(mantissa, text[:point]...), fraction...)
		mantissa = trimLeadingZeros(mantissa)
	} else {
		e := bytes.IndexByte(text, 'e')
		if e < 0 {
			return dst, false
		}
		var err error
		exponent, err = strconv.ParseInt(string(text[e+1:]), 10, 64)
		if err != nil || !writesExponent(exponent) || !isShortestInt(text[e+1:]) {
			return dst, false
		}
		mantissa = append(mantissa, text[:e]...)
	}
	if string(mantissa) == "-0" {
		return dst, false
	}
	dst = appendHead(dst, majorTag, tagDecimalFraction)
	dst = appendHead(dst, majorArray, 2)
	if exponent < 0 {
		dst = appendHead(dst, majorNegative, uint64(-1-exponent))
	} else {
		dst = appendHead(dst, majorUint, uint64(exponent))
	}
	return appendInteger(dst, mantissa), true
}

// writesExponent says whether appendFractionText writes an exponent as such.
func writesExponent(exponent int64) bool { return exponent < -maxFractionDigits || exponent > 0 }

// isShortestInt says that text has no plus sign and no leading zeros.
func isShortestInt(text []byte) bool {
	if text[0] == '-' {
		text = text[1:]
	}
	return text[0] != '+' && text[0] != '0'
}

// trimLeadingZeros removes the leading zeros of the digits behind an optional sign.
func trimLeadingZeros(text []byte) []byte {
	first := 0
	if text[0] == '-' {
		first = 1
	}
	zeros := first
	for zeros < len(text)-1 && text[zeros] == '0' {
		zeros++
	}
	return append(text[:first], text[zeros:]...)
}

// appendFractionText appends mantissa × 10^exponent in JSON form; the mantissa, an
// integer in JSON form, stands at dst[start:]. The exponent is -1-e if negative is
// set, else e, as in the head of a CBOR integer.
func appendFractionText(dst []byte, start int, negative bool, e uint64) []byte {
	switch {
	case !negative && e == 0:
		return dst
	case !negative:
		return strconv.AppendUint(append(dst, 'e'), e, 10)
	case e >= maxFractionDigits:
		return appendNegative(append(dst, 'e'), e)
	}
	if dst[start] == '-' {
		start++
	}
	fraction := int(e) + 1
	if missing := fraction + 1 - (len(dst) - start); missing > 0 {
		dst = insert(dst, start, bytes.Repeat([]byte{'0'}, missing))
	}
	return insert(dst, len(dst)-fraction, []byte{'.'})
}

// insert puts piece before dst[at].
func insert(dst []byte, at int, piece []byte) []byte {
	dst = append(dst, piece...)
	copy(dst[at+len(piece):], dst[at:len(dst)-len(piece)])
	copy(dst[at:], piece)
	return dst
}

// appendNegative appends -1-n, the value of a CBOR negative integer.
func appendNegative(dst []byte, n uint64) []byte {
	if n == math.MaxUint64 {
		return append(dst, "-18446744073709551616"...)
	}
	return strconv.AppendUint(append(dst, '-'), n+1, 10)
}

// appendBignumText appends the decimal form of a bignum of at most maxBignumBytes.
func appendBignumText(dst, magnitude []byte, negative bool) []byte {
	n := new(big.Int).SetBytes(magnitude)
	if negative {
		n.Not(n)
	}
	return n.Append(dst, 10)
}

// appendFloatText appends finite f. An integral value below 10^21 is written as the
// integer that it is, since many peers send integers as floats and Matrix knows no
// other numbers; -0 stays. Others are written as ECMAScript does (RFC 8785
// §3.2.2.3): the shortest digits that read back as f.
func appendFloatText(dst []byte, f float64) []byte {
	magnitude := math.Abs(f)
	switch {
	case f == 0:
		if math.Signbit(f) {
			return append(dst, '-', '0')
		}
		return append(dst, '0')
	case f == math.Trunc(f) && magnitude < exponentFrom:
		return strconv.AppendFloat(dst, f, 'f', 0, 64)
	case magnitude >= 1e-6 && magnitude < exponentFrom:
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// strconv writes at least two digits of exponent.
	if n := len(dst); n-start >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// sameValue compares two JSON numbers of at most maxFloatText bytes as decimals.
func sameValue(a, b []byte) bool {
	var scratchA, scratchB [maxFloatText]byte
	digitsA, exponentA := normalize(scratchA[:0], a)
	digitsB, exponentB := normalize(scratchB[:0], b)
	return bytes.Equal(digitsA, digitsB) && (exponentA == exponentB || len(trimSign(digitsA)) == 0)
}

// normalize splits a JSON number into a sign with significant digits, no zeros at
// either end, and the power of ten of the last digit.
func normalize(dst, text []byte) (digits []byte, exponent int) {
	if text[0] == '-' {
		dst = append(dst, '-')
		text = text[1:]
	}
	sign := len(dst)
	fraction := false
	for i, c := range text {
		if c|0x20 == 'e' {
			// Within 32 bytes an exponent may be too large for int; Atoi
			// then gives the largest, which no float64 has.
			e, _ := strconv.Atoi(string(text[i+1:]))
			exponent += e
			break
		}
		if c == '.' {
			fraction = true
			continue
		}
		if fraction {
			exponent--
		}
		if c != '0' || len(dst) > sign {
			dst = append(dst, c)
		}
	}
	for len(dst) > sign && dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
		exponent++
	}
	return dst, exponent
}

func trimSign(digits []byte) []byte { return bytes.TrimPrefix(digits, []byte{'-'}) }
