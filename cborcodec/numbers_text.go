package cborcodec

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
)

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
