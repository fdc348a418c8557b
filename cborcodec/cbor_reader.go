package cborcodec

import (
	"encoding/binary"
	"math"
)

// head is the head of a CBOR data item (RFC 8949 §3).
type head struct {
	offset int // where it starts in the input
	major  byte
	info   byte   // additional information, the lower five bits
	arg    uint64 // argument; 0 if indefinite
}

// indefinite says that the length is not given, or that the item is a break.
func (h head) indefinite() bool { return h.info == 31 }

// reader cuts CBOR into heads and the bytes between them.
type reader struct {
	src []byte
	pos int
}

func (r *reader) rest() int { return len(r.src) - r.pos }

// head consumes the next head. It refuses what is not well-formed on its own
// (RFC 8949 appendix F): reserved additional information, lengths that cannot be
// indefinite, simple values below 32 in two bytes.
func (r *reader) head() (head, error) {
	if r.rest() == 0 {
		return head{}, syntaxError(r.pos, ReasonTruncated)
	}
	initial := r.src[r.pos]
	h := head{offset: r.pos, major: initial >> 5, info: initial & 31}
	r.pos++
	switch {
	case h.info < 24:
		h.arg = uint64(h.info)
		return h, nil
	case h.info < 28:
		return r.argument(h)
	case h.info == 31 && h.major != majorUint && h.major != majorNegative && h.major != majorTag:
		return h, nil
	default:
		return h, syntaxError(h.offset, ReasonReserved)
	}
}

// argument reads the 1, 2, 4 or 8 bytes that follow the initial byte.
func (r *reader) argument(h head) (head, error) {
	size := 1 << (h.info - 24)
	if r.rest() < size {
		return h, syntaxError(len(r.src), ReasonTruncated)
	}
	b := r.src[r.pos : r.pos+size]
	r.pos += size
	switch size {
	case 1:
		h.arg = uint64(b[0])
		if h.major == majorSimple && h.arg < 32 {
			return h, syntaxError(h.offset, ReasonReserved)
		}
	case 2:
		h.arg = uint64(binary.BigEndian.Uint16(b))
	case 4:
		h.arg = uint64(binary.BigEndian.Uint32(b))
	default:
		h.arg = binary.BigEndian.Uint64(b)
	}
	return h, nil
}

// bytes consumes the n bytes that a string head announced.
func (r *reader) bytes(n uint64) ([]byte, error) {
	if uint64(r.rest()) < n {
		return nil, syntaxError(len(r.src), ReasonTruncated)
	}
	b := r.src[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b, nil
}

// chunk consumes the next chunk of an indefinite-length string, or its break
// (RFC 8949 §3.2.3). The chunk ends at r.pos.
func (r *reader) chunk(major byte) (b []byte, more bool, err error) {
	h, err := r.head()
	switch {
	case err != nil:
		return nil, false, err
	case h.major == majorSimple && h.indefinite():
		return nil, false, nil
	case h.major != major || h.indefinite():
		return nil, false, syntaxError(h.offset, ReasonReserved)
	}
	b, err = r.bytes(h.arg)
	return b, true, err
}

// more says whether a container with head h has a member after the first done ones,
// and consumes the break of an indefinite one (RFC 8949 §3.2.2).
func (r *reader) more(h head, done uint64) (bool, error) {
	if !h.indefinite() {
		return done < h.arg, nil
	}
	if r.rest() == 0 {
		return false, syntaxError(r.pos, ReasonTruncated)
	}
	if r.src[r.pos] == cborBreak {
		r.pos++
		return false, nil
	}
	return true, nil
}

// float returns the value of a float head.
func (h head) float() float64 {
	switch h.info {
	case cborHalf & 31:
		return halfFloat(uint16(h.arg))
	case cborSingle & 31:
		return float64(math.Float32frombits(uint32(h.arg)))
	default:
		return math.Float64frombits(h.arg)
	}
}
