package mixing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// MaxMessage is the longest message that is coded, in bytes: the match model counts
// positions in 16 bits.
const MaxMessage = 1<<16 - 1

// A code of n bytes holds a message of at most codeBase + codeGrowth·n bytes, so that
// who receives few bytes never works long. Messages that are worth it stay far below.
const (
	codeBase   = 2 << 10
	codeGrowth = 32
)

// window is how many bytes of the code the interval spans, maxPast how many bytes the
// decoder reads behind its input: they count as 0.
const (
	window  = 4
	maxPast = 8
)

// Errors of Decode.
var (
	// ErrTruncated: the input ends before the message does.
	ErrTruncated = errors.New("mixing: input ends inside the message")
	// ErrTrailing: bytes follow the end of the message.
	ErrTrailing = errors.New("mixing: bytes after the message")
	// ErrMalformed: the length is not in its shortest form, or more than a code of
	// so many bytes may hold.
	ErrMalformed = errors.New("mixing: malformed length")
)

// LimitError says that a message is longer than the caller takes.
type LimitError struct{ Length uint64 }

// Error implements error.
func (e *LimitError) Error() string { return fmt.Sprintf("mixing: message of %d bytes", e.Length) }

// interval is what an arithmetic coder has narrowed the code down to: low ≤ code ≤
// high.
type interval struct{ low, high uint32 }

// split returns the likelier bit and the last code value that means it: the likelier
// lies lower, so that the likeliest of all messages has a code of zeros, which is empty.
func (v interval) split(prob uint32) (mid uint32, likely int) {
	likely = 1
	if prob < 1<<(probBits-1) {
		prob, likely = 1<<probBits-prob, 0
	}
	width := v.high - v.low
	return v.low + width>>probBits*prob + width&0xffff*prob>>probBits, likely
}

// settled says that the first byte of the code is known.
func (v interval) settled() bool { return (v.low^v.high)>>24 == 0 }

func (v *interval) shift() { v.low, v.high = v.low<<8, v.high<<8|0xff }

func (v *interval) narrow(mid uint32, likely bool) {
	if likely {
		v.high = mid
	} else {
		v.low = mid + 1
	}
}

// Encode appends the code of message, of at most MaxMessage bytes, to dst. It reports
// false if no code that Decode takes holds it.
func (p *Predictor) Encode(dst, prelude, message []byte) (out []byte, ok bool) {
	p.Reset(prelude)
	e := encoder{p: p, v: interval{high: 0xffffffff}, out: dst}
	before, after := p.Frame(message)
	for _, part := range [...][]byte{before, message, after} {
		for _, b := range part {
			e.add(b)
		}
	}
	out = e.v.flush(e.out, len(dst))
	return out, len(message) <= capacity(len(out)-len(dst))
}

// endMark is what stands behind a message that delimits itself.
var endMark = []byte{end}

// Frame returns what is coded before and after a message, to say where it ends: 0 and an
// end if it delimits itself, else its length. It is valid until the next call.
func (p *Predictor) Frame(message []byte) (before, after []byte) {
	if p.scan.delimits(message) {
		p.length = append(p.length[:0], 0)
		return p.length, endMark
	}
	p.length = binary.AppendUvarint(p.length[:0], uint64(len(message)))
	return p.length, nil
}

// maxLength is how many bytes the length takes at most.
const maxLength = 3

// capacity is how long a message in a code of n bytes may be.
func capacity(n int) int { return codeBase + codeGrowth*n }

type encoder struct {
	p   *Predictor
	v   interval
	out []byte
}

func (e *encoder) add(b byte) {
	for i := 7; i >= 0; i-- {
		bit := int(b>>i) & 1
		mid, likely := e.v.split(e.p.Prob())
		e.v.narrow(mid, bit == likely)
		e.p.Update(bit)
		for e.v.settled() {
			e.out = append(e.out, byte(e.v.high>>24))
			e.v.shift()
		}
	}
}

// flush appends the fewest bytes that, followed by zeros, lie within the interval, and
// takes away zeros that the decoder reads anyway, behind begin.
func (v interval) flush(dst []byte, begin int) []byte {
	least := max(begin, len(dst)-(maxPast-window))
	for n := range window + 1 {
		rest := uint32(1<<(32-8*n) - 1)
		code := (v.low + rest) &^ rest
		if code < v.low || code > v.high {
			continue
		}
		for i := range n {
			dst = append(dst, byte(code>>(24-8*i)))
		}
		break
	}
	for len(dst) > least && dst[len(dst)-1] == 0 {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// Decode appends the message whose code is src to dst. limit is the longest that is
// taken, in bytes.
func (p *Predictor) Decode(dst, prelude, src []byte, limit int) ([]byte, error) {
	p.Reset(prelude)
	d := decoder{p: p, v: interval{high: 0xffffffff}, src: src}
	for range window {
		d.shift()
	}
	length, err := d.length()
	if err != nil {
		return dst, err
	}
	switch {
	case length > uint64(max(limit, 0)):
		return dst, &LimitError{Length: length}
	case length > uint64(capacity(len(src))):
		return dst, ErrMalformed
	}
	var out []byte
	if length == 0 {
		out, err = d.untilEnd(dst, max(limit, 0))
	} else {
		out, err = d.bytes(slices.Grow(dst, int(length)), int(length))
	}
	if err != nil {
		return dst, err
	}
	if len(src) > d.read {
		return dst, ErrTrailing
	}
	return out, nil
}

type decoder struct {
	p   *Predictor
	v   interval
	src []byte
	// code is what of src the interval spans, read how much of src and of what is
	// behind it went into it.
	code uint32
	read int
}

func (d *decoder) shift() {
	d.code <<= 8
	if d.read < len(d.src) {
		d.code |= uint32(d.src[d.read])
	}
	d.read++
}

// length reads the length of the message, an unsigned LEB128 number in its shortest form.
func (d *decoder) length() (uint64, error) {
	var n uint64
	for i := range maxLength {
		b, err := d.next()
		if err != nil {
			return 0, err
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 {
				return 0, ErrMalformed
			}
			return n, nil
		}
	}
	return 0, ErrMalformed
}

// bytes appends a message of n bytes.
func (d *decoder) bytes(out []byte, n int) ([]byte, error) {
	for range n {
		b, err := d.next()
		if err != nil {
			return out, err
		}
		out = append(out, b)
	}
	return out, nil
}

// untilEnd appends a message that delimits itself, of at most limit bytes.
func (d *decoder) untilEnd(out []byte, limit int) ([]byte, error) {
	most := capacity(len(d.src))
	for n := 0; ; n++ {
		top := d.p.contexts.structure.kind == kindTop
		b, err := d.next()
		switch {
		case err != nil:
			return out, err
		case top && b == end:
			return out, nil
		case n == limit:
			return out, &LimitError{Length: uint64(n) + 1}
		case n == most:
			return out, ErrMalformed
		}
		out = append(out, b)
	}
}

// next reads a byte.
func (d *decoder) next() (byte, error) {
	var b int
	for range 8 {
		mid, likely := d.v.split(d.p.Prob())
		bit := likely
		if d.code > mid {
			bit = 1 - likely
		}
		b = b<<1 | bit
		d.v.narrow(mid, bit == likely)
		d.p.Update(bit)
		for d.v.settled() {
			d.v.shift()
			d.shift()
		}
		if d.read > len(d.src)+maxPast {
			return 0, ErrTruncated
		}
	}
	return byte(b), nil
}
