package mixing

import "errors"

// MaxMessage is the longest message that is coded, in bytes: its time and the table
// it fills grow with it.
const MaxMessage = 8 << 10

// maxPast is how many bytes the decoder reads behind its input: they count as 0.
const maxPast = 4

// Errors of Decode.
var (
	// ErrTruncated: the input ends before the message does.
	ErrTruncated = errors.New("mixing: input ends inside the message")
	// ErrTrailing: bytes follow the end of the message.
	ErrTrailing = errors.New("mixing: bytes after the message")
)

// interval is what an arithmetic coder has narrowed the code down to: low ≤ code ≤
// high.
type interval struct{ low, high uint32 }

// split is the last code value that means a 1.
func (v interval) split(prob uint32) uint32 {
	width := v.high - v.low
	return v.low + width>>probBits*prob + width&0xffff*prob>>probBits
}

// settled says that the first byte of the code is known.
func (v interval) settled() bool { return (v.low^v.high)>>24 == 0 }

func (v *interval) shift() { v.low, v.high = v.low<<8, v.high<<8|0xff }

func (v *interval) narrow(mid uint32, bit int) {
	if bit == 1 {
		v.high = mid
	} else {
		v.low = mid + 1
	}
}

// Encode appends the code of message to dst.
func (p *Predictor) Encode(dst, prelude, message []byte) []byte {
	p.Reset(prelude)
	v := interval{high: 0xffffffff}
	for _, b := range message {
		for i := 7; i >= 0; i-- {
			bit := int(b>>i) & 1
			v.narrow(v.split(p.Prob()), bit)
			p.Update(bit)
			for v.settled() {
				dst = append(dst, byte(v.high>>24))
				v.shift()
			}
		}
	}
	return v.flush(dst)
}

// flush appends the fewest bytes that, followed by zeros, lie within the interval. Zeros
// that the decoder would read anyway are left out.
func (v interval) flush(dst []byte) []byte {
	certain := len(dst)
	for n := range maxPast + 1 {
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
	for len(dst) > certain && dst[len(dst)-1] == 0 {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// Decode appends the message of n bytes whose code is src to dst.
func (p *Predictor) Decode(dst, prelude, src []byte, n int) ([]byte, error) {
	p.Reset(prelude)
	v := interval{high: 0xffffffff}
	var code uint32
	read := 0
	next := func() {
		code <<= 8
		if read < len(src) {
			code |= uint32(src[read])
		}
		read++
	}
	for range maxPast {
		next()
	}
	for range n {
		var b int
		for range 8 {
			mid := v.split(p.Prob())
			bit := 0
			if code <= mid {
				bit = 1
			}
			b = b<<1 | bit
			v.narrow(mid, bit)
			p.Update(bit)
			for v.settled() {
				v.shift()
				next()
			}
			if read > len(src)+maxPast {
				return dst, ErrTruncated
			}
		}
		dst = append(dst, byte(b))
	}
	if len(src) > read {
		return dst, ErrTrailing
	}
	return dst, nil
}
