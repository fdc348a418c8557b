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
		if untagged {
			if f, ok := longFloat(text); ok {
				return appendFloat(dst, f)
			}
		}
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
