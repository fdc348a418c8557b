package coder

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"
)

// Coder codes and decodes payloads. It is safe for concurrent use and keeps nothing of
// a payload for the next.
type Coder struct {
	model *Model
	// free holds a worker, or nil for one that was never needed, for each call that
	// may run.
	free chan *worker
}

// New returns a Coder that runs at most workers calls at the same time; more wait.
// Each takes scratch memory at its first use: 2.3 MB for Mixing, 1.4 MB to deflate,
// 36 kB to inflate. No session needs any.
func New(m *Model, workers int) *Coder {
	if m.alone.Load() {
		panic("coder: the model belongs to another Coder")
	}
	c := &Coder{model: m, free: make(chan *worker, max(workers, 1))}
	for range cap(c.free) {
		c.free <- nil
	}
	return c
}

// NewAlone returns a Coder that runs one call at a time, more wait, and takes over m: nobody
// else may use m, before or after. It needs no scratch memory for Mixing but for what a payload
// changes: 20 bytes for each of up to 32 places a byte of it, at most 2.6 MB, which it keeps.
func NewAlone(m *Model) *Coder {
	c := New(m, 1)
	if !m.alone.CompareAndSwap(false, true) {
		panic("coder: the model belongs to another Coder")
	}
	return c
}

// Model returns the model that the Coder uses.
func (c *Coder) Model() *Model { return c.model }

func (c *Coder) acquire() *worker {
	w := <-c.free
	if w == nil {
		w = &worker{model: c.model}
	}
	return w
}

func (c *Coder) release(w *worker) { c.free <- w }

// AppendCoded appends the header byte and payload, coded by the method of policy that
// makes it smallest.
//
// prelude is what the receiver knows when the payload arrives, such as which request
// it answers: a few bytes that count as if they preceded it. The receiver must pass the
// same.
func (c *Coder) AppendCoded(dst, prelude, payload []byte, policy Policy) []byte {
	w := c.acquire()
	defer c.release(w)
	begin := len(dst)
	fits := func(out []byte) bool { return len(out)-begin <= len(payload) }
	mixed := false
	if len(payload) <= min(policy.Mixing, MaxMixing) && !c.model.noMixing {
		out, ok := w.mix(append(dst, byte(Mixing)), prelude, payload)
		if ok && fits(out) {
			return out
		}
		dst, mixed = out[:begin], ok
	}
	if !mixed && len(payload) <= policy.Deflate {
		out := w.deflate(binary.AppendUvarint(append(dst, byte(Deflate)), uint64(len(payload))), payload)
		if fits(out) {
			return out
		}
		dst = out[:begin]
	}
	return append(append(dst, byte(Raw)), payload...)
}

// AppendDecoded appends the payload that coded holds, of at most limit bytes. The upper
// six bits of the first byte are ignored.
//
// Any input is safe: the result is bounded by limit, and by the input too (1032 times
// its bytes with Deflate, 2048 and 32 times its bytes with Mixing); time is linear in it. Errors are those of this package; dst is then returned as it
// was.
func (c *Coder) AppendDecoded(dst, prelude, coded []byte, limit int) ([]byte, error) {
	if len(coded) == 0 {
		return dst, ErrTruncated
	}
	method, rest := Method(coded[0]&MethodMask), coded[1:]
	if method == Raw {
		if len(rest) > limit {
			return dst, &LimitError{Length: uint64(len(rest)), Limit: limit}
		}
		return append(dst, rest...), nil
	}
	if method != Deflate && (method != Mixing || c.model.noMixing) {
		return dst, fmt.Errorf("%w %d", ErrMethod, method)
	}
	w := c.acquire()
	defer c.release(w)
	if method == Mixing {
		return w.unmix(dst, prelude, rest, min(limit, MaxMixing))
	}
	length, rest, err := readLength(rest)
	if err != nil {
		return dst, err
	}
	if length > uint64(max(limit, 0)) {
		return dst, &LimitError{Length: length, Limit: limit}
	}
	return w.inflate(dst, rest, int(length))
}

// readLength reads the length in front of deflated data: an unsigned LEB128 number in its
// shortest form.
func readLength(b []byte) (length uint64, rest []byte, err error) {
	length, n := binary.Uvarint(b)
	switch {
	case n == 0:
		return 0, nil, ErrTruncated
	case n < 0 || n > 1 && b[n-1] == 0:
		return 0, nil, ErrMalformed
	}
	return length, b[n:], nil
}

// worker is the scratch memory of one call. Its parts are made when they are needed.
type worker struct {
	model     *Model
	predictor *mixing.Predictor
	deflater  *deflater
	inflater  *inflater
}

func (w *worker) mix(dst, prelude, payload []byte) (out []byte, ok bool) {
	if w.predictor == nil {
		w.predictor = w.newPredictor()
	}
	return w.predictor.Encode(dst, prelude, payload)
}

func (w *worker) unmix(dst, prelude, coded []byte, limit int) ([]byte, error) {
	if w.predictor == nil {
		w.predictor = w.newPredictor()
	}
	out, err := w.predictor.Decode(dst, prelude, coded, limit)
	if err != nil {
		return dst, mixingError(err, limit)
	}
	return out, nil
}

func (w *worker) newPredictor() *mixing.Predictor {
	if w.model.alone.Load() {
		return w.model.only
	}
	return mixing.NewPredictor(w.model.mixing)
}

func mixingError(err error, limit int) error {
	var tooLong *mixing.LimitError
	switch {
	case errors.As(err, &tooLong):
		return &LimitError{Length: tooLong.Length, Limit: limit}
	case errors.Is(err, mixing.ErrTruncated):
		return ErrTruncated
	case errors.Is(err, mixing.ErrTrailing):
		return ErrTrailing
	}
	return ErrMalformed
}
