package coder

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
)

// deflateLevel is the level of the encoder: below it, short payloads quote the
// dictionary badly.
const deflateLevel = 9

// maxInflation is how many bytes one byte of a deflate stream can become at most: 258
// for two bits (RFC 1951 §3.2.5).
const maxInflation = 1032

// deflater writes deflate streams that quote the dictionary.
type deflater struct {
	writer *flate.Writer
	out    appender
}

// appender is a writer to memory.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

func (w *worker) deflate(dst, payload []byte) []byte {
	if w.deflater == nil {
		d := &deflater{}
		// The only error is that of a level out of range.
		d.writer, _ = flate.NewWriterDict(&d.out, deflateLevel, w.model.mixing.Dictionary)
		w.deflater = d
	}
	d := w.deflater
	d.out.b = dst
	d.writer.Reset(&d.out)
	// Writing to memory does not fail.
	_, _ = d.writer.Write(payload)
	_ = d.writer.Close()
	dst, d.out.b = d.out.b, nil
	return dst
}

// inflater reads them.
type inflater struct {
	in     bytes.Reader
	reader io.ReadCloser
	// extra is room for a byte that should not come.
	extra [1]byte
}

func (w *worker) inflate(dst, coded []byte, length int) ([]byte, error) {
	if length/maxInflation > len(coded) {
		return dst, ErrTruncated
	}
	if w.inflater == nil {
		i := &inflater{}
		i.reader = flate.NewReaderDict(&i.in, w.model.mixing.Dictionary)
		w.inflater = i
	}
	i := w.inflater
	i.in.Reset(coded)
	defer i.in.Reset(nil)
	// Resetting to memory does not fail.
	_ = i.reader.(flate.Resetter).Reset(&i.in, w.model.mixing.Dictionary)
	out := slices.Grow(dst, length)[:len(dst)+length]
	if _, err := io.ReadFull(i.reader, out[len(dst):]); err != nil {
		return dst, inflateError(err)
	}
	switch n, err := i.reader.Read(i.extra[:]); {
	case n != 0:
		return dst, ErrTrailing
	case err != io.EOF:
		return dst, inflateError(err)
	case i.in.Len() != 0:
		return dst, ErrTrailing
	}
	return out, nil
}

func inflateError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return ErrMalformed
}
