package cborcodec

import (
	"bytes"
	"math"
	"strconv"
)

// Numbers for peers that may not know tags: the value counts, not its text.

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

// longFloat returns the float64 whose shortest digits are those of an integer beyond 64
// bits: what readers that know no bignums print as the same number.
func longFloat(text []byte) (f float64, ok bool) {
	const least = len("18446744073709551616")
	if len(text) < least || len(text) > maxFloatText {
		return 0, false
	}
	if _, fits := parseUint(bytes.TrimPrefix(text, []byte{'-'})); fits {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, false
	}
	var scratch [maxFloatText]byte
	return f, sameValue(strconv.AppendFloat(scratch[:0], f, 'e', -1, 64), text)
}

func isNegativeZero(f float64) bool { return f == 0 && math.Signbit(f) }

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
