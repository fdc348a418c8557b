package cborcodec

// Default limits. Depth: Matrix objects nest about 15 deep, and a hostile text must
// not grow the stack. Sizes: larger than any answer of a homeserver worth a slow link.
const (
	DefaultMaxDepth  = 128
	DefaultMaxInput  = 64 << 20
	DefaultMaxOutput = 64 << 20
)

// Limits bounds what one call accepts. A field that is zero or negative takes its
// default.
type Limits struct {
	// MaxDepth is how deep objects and arrays may nest.
	MaxDepth int
	// MaxInput is the longest input, in bytes.
	MaxInput int
	// MaxOutput is the longest output of one call, in bytes, without what dst
	// held before. It is checked after each item, so a buffer may have grown
	// beyond it by at most six times that item (an escape per byte).
	MaxOutput int
}

func (l Limits) withDefaults() Limits {
	if l.MaxDepth <= 0 {
		l.MaxDepth = DefaultMaxDepth
	}
	if l.MaxInput <= 0 {
		l.MaxInput = DefaultMaxInput
	}
	if l.MaxOutput <= 0 {
		l.MaxOutput = DefaultMaxOutput
	}
	return l
}

// checkInput refuses an input of n bytes that is too long.
func (l *Limits) checkInput(n int) error {
	if n > l.MaxInput {
		return &LimitError{Offset: l.MaxInput, Limit: "MaxInput", Max: l.MaxInput}
	}
	return nil
}

// checkOutput refuses n bytes of output after the input was read up to offset.
func (l *Limits) checkOutput(n, offset int) error {
	if n > l.MaxOutput {
		return &LimitError{Offset: offset, Limit: "MaxOutput", Max: l.MaxOutput}
	}
	return nil
}

// checkDepth refuses a container that opens at offset inside depth others.
func (l *Limits) checkDepth(depth, offset int) error {
	if depth >= l.MaxDepth {
		return &LimitError{Offset: offset, Limit: "MaxDepth", Max: l.MaxDepth}
	}
	return nil
}
