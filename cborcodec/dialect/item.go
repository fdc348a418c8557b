package dialect

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

// Initial bytes with a meaning of their own (RFC 8949 §3.3).
const (
	itemNull      = 0xf6
	itemUndefined = 0xf7
	simpleTwo     = 0xf8 // simple value 32…255 in the next byte
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

// appendInt appends an integer (RFC 8949 §3.1: the negative ones as -1 - n).
func appendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, majorNegative, uint64(-1-n))
	}
	return appendHead(dst, majorUint, uint64(n))
}

// items reads the items of this dialect. Lengths are definite: indefinite ones occur
// only in maps, arrays and text, which package cborcodec reads.
type items struct {
	src []byte
	pos int
}

func (r *items) rest() int { return len(r.src) - r.pos }

// peek returns the next initial byte, and false at the end.
func (r *items) peek() (byte, bool) {
	if r.rest() == 0 {
		return 0, false
	}
	return r.src[r.pos], true
}

// head consumes a head.
func (r *items) head() (major byte, arg uint64, err error) {
	initial, ok := r.peek()
	if !ok {
		return 0, 0, errTruncated
	}
	r.pos++
	major, info := initial>>5, initial&31
	if info < 24 {
		return major, uint64(info), nil
	}
	if info > 27 {
		return 0, 0, errItem
	}
	size := 1 << (info - 24)
	if r.rest() < size {
		return 0, 0, errTruncated
	}
	for _, b := range r.src[r.pos : r.pos+size] {
		arg = arg<<8 | uint64(b)
	}
	r.pos += size
	return major, arg, nil
}

// take consumes n bytes.
func (r *items) take(n uint64) ([]byte, error) {
	if uint64(r.rest()) < n {
		return nil, errTruncated
	}
	b := r.src[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b, nil
}

// uint consumes an unsigned integer.
func (r *items) uint() (uint64, error) {
	major, n, err := r.head()
	if err == nil && major != majorUint {
		err = errItem
	}
	return n, err
}

// int consumes an integer of 64 bits.
func (r *items) int() (int64, error) {
	major, n, err := r.head()
	switch {
	case err != nil:
		return 0, err
	case n > math.MaxInt64 || major != majorUint && major != majorNegative:
		return 0, errItem
	case major == majorNegative:
		return -1 - int64(n), nil
	default:
		return int64(n), nil
	}
}

// string consumes a byte or text string.
func (r *items) string() (major byte, s []byte, err error) {
	major, n, err := r.head()
	if err == nil && major != majorBytes && major != majorText {
		err = errItem
	}
	if err != nil {
		return 0, nil, err
	}
	s, err = r.take(n)
	return major, s, err
}
