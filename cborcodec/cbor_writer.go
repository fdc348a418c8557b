package cborcodec

import (
	"encoding/binary"
	"math"
)

// Major types (RFC 8949 §3.1), in the upper three bits of the initial byte.
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Initial bytes of major type 7 (RFC 8949 §3.3).
const (
	cborFalse  = 0xf4
	cborTrue   = 0xf5
	cborNull   = 0xf6
	cborHalf   = 0xf9
	cborSingle = 0xfa
	cborDouble = 0xfb
	cborBreak  = 0xff
)

// Tags that have a JSON form.
const (
	tagPositiveBignum  = 2   // RFC 8949 §3.4.3
	tagNegativeBignum  = 3   // RFC 8949 §3.4.3
	tagDecimalFraction = 4   // RFC 8949 §3.4.4
	tagJSON            = 262 // IANA: embedded JSON; here one number
	tagWTF8            = 273 // IANA: WTF-8 string with lone surrogates
)

// appendHead appends a head in its shortest form (RFC 8949 §4.2.1).
func appendHead(dst []byte, major byte, arg uint64) []byte {
	major <<= 5
	switch {
	case arg < 24:
		return append(dst, major|byte(arg))
	case arg <= math.MaxUint8:
		return append(dst, major|24, byte(arg))
	case arg <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(arg))
	case arg <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(arg))
	default:
		return binary.BigEndian.AppendUint64(append(dst, major|27), arg)
	}
}

// sealContainer writes the head of the container whose content starts at dst[at+1];
// one byte was left for it at dst[at]. Only from 24 members on must the content
// move: once per container, so at most MaxDepth times for a byte.
func sealContainer(dst []byte, at int, major byte, members int) []byte {
	var scratch [9]byte
	head := appendHead(scratch[:0], major, uint64(members))
	if grown := len(head) - 1; grown > 0 {
		dst = append(dst, head[:grown]...)
		copy(dst[at+len(head):], dst[at+1:len(dst)-grown])
	}
	copy(dst[at:], head)
	return dst
}

// appendFloat appends f in the shortest of the three widths that hold it exactly
// (RFC 8949 §4.2.2).
func appendFloat(dst []byte, f float64) []byte {
	single := float32(f)
	if float64(single) != f {
		return binary.BigEndian.AppendUint64(append(dst, cborDouble), math.Float64bits(f))
	}
	if half, ok := halfBits(single); ok {
		return binary.BigEndian.AppendUint16(append(dst, cborHalf), half)
	}
	return binary.BigEndian.AppendUint32(append(dst, cborSingle), math.Float32bits(single))
}

// halfBits returns finite f as an IEEE 754 binary16, if that is exact.
func halfBits(f float32) (half uint16, ok bool) {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	exponent := int(bits>>23&0xff) - 127
	fraction := bits & 0x7fffff
	switch {
	case f == 0:
		return sign, true
	case -14 <= exponent && exponent <= 15: // normal
		return sign | uint16(exponent+15)<<10 | uint16(fraction>>13), fraction&0x1fff == 0
	case -24 <= exponent && exponent < -14: // subnormal: units of 2^-24
		shift := -1 - exponent
		significand := fraction | 0x800000
		return sign | uint16(significand>>shift), significand&(1<<shift-1) == 0
	default:
		return 0, false
	}
}

// halfFloat returns the value of an IEEE 754 binary16 (RFC 8949 appendix D).
func halfFloat(half uint16) float64 {
	exponent := int(half >> 10 & 0x1f)
	fraction := float64(half & 0x3ff)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		f = math.Inf(1)
		if fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(fraction+1024, exponent-25)
	}
	return math.Copysign(f, 1-2*float64(half>>15))
}
