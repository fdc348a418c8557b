package cborcodec

import (
	"errors"
	"unicode/utf8"
)

// Items reads CBOR data items (RFC 8949) one by one. It is for the few things of ours that
// have no JSON form: the state of tables, envelopes, pairing lines. Errors of its methods are
// *SyntaxError, or ErrItem for well-formed items of another kind; the position is then
// anywhere. It reads no tags, and does not look into what it skips.
type Items struct{ r reader }

// ErrItem: another item than the one that is read.
var ErrItem = errors.New("cborcodec: an item of another kind")

// NewItems reads b, which it does not copy.
func NewItems(b []byte) *Items { return &Items{reader{src: b}} }

// Rest is what was not read yet.
func (i *Items) Rest() []byte { return i.r.src[i.r.pos:] }

// Offset is how many bytes were read.
func (i *Items) Offset() int { return i.r.pos }

// Uint reads an unsigned integer.
func (i *Items) Uint() (uint64, error) {
	h, err := i.r.head()
	if err == nil && h.major != majorUint {
		err = ErrItem
	}
	return h.arg, err
}

// Int reads an integer that has 64 bits.
func (i *Items) Int() (int64, error) {
	h, err := i.r.head()
	switch {
	case err != nil:
		return 0, err
	case h.major > majorNegative || h.arg > 1<<63-1:
		return 0, ErrItem
	case h.major == majorNegative:
		return -1 - int64(h.arg), nil
	}
	return int64(h.arg), nil
}

// Text reads a text string, which must be UTF-8.
func (i *Items) Text() (string, error) {
	s, major, err := i.text()
	if err == nil && major != majorText {
		err = ErrItem
	}
	return s, err
}

// Bytes reads a byte string. The result is a copy.
func (i *Items) Bytes() ([]byte, error) {
	s, major, err := i.text()
	if err == nil && major != majorBytes {
		err = ErrItem
	}
	return []byte(s), err
}

// Octets reads a string of either kind.
func (i *Items) Octets() (string, error) {
	s, _, err := i.text()
	return s, err
}

// text reads a string, which may come in chunks (RFC 8949 §3.2.3).
func (i *Items) text() (s string, major byte, err error) {
	h, err := i.r.head()
	switch {
	case err != nil:
		return "", 0, err
	case h.major != majorBytes && h.major != majorText:
		return "", 0, ErrItem
	case !h.indefinite():
		b, err := i.r.bytes(h.arg)
		return string(b), h.major, i.valid(h.major, b, err)
	}
	var all []byte
	for {
		b, more, err := i.r.chunk(h.major)
		if err = i.valid(h.major, b, err); err != nil || !more {
			return string(all), h.major, err
		}
		all = append(all, b...)
	}
}

// valid checks that text is UTF-8, each chunk for itself.
func (i *Items) valid(major byte, b []byte, err error) error {
	if err == nil && major == majorText && !utf8.Valid(b) {
		return syntaxError(i.r.pos, ReasonUTF8)
	}
	return err
}

// Container is an array or a map of which members are to be read.
type Container struct {
	head head
	done uint64
}

// Array begins an array. Its members follow while More says so.
func (i *Items) Array() (Container, error) { return i.container(majorArray) }

// Map begins a map, whose members are a key and a value each.
func (i *Items) Map() (Container, error) { return i.container(majorMap) }

func (i *Items) container(major byte) (Container, error) {
	h, err := i.r.head()
	if err == nil && h.major != major {
		err = ErrItem
	}
	return Container{head: h}, err
}

// Indefinite tells whether the container has no length in front.
func (c Container) Indefinite() bool { return c.head.indefinite() }

// More tells whether another member follows, and counts it.
func (i *Items) More(c *Container) (bool, error) {
	more, err := i.r.more(c.head, c.done)
	c.done++
	return more, err
}

// Skip reads an item whatever it is, nested at most depth deep.
func (i *Items) Skip(depth int) error {
	h, err := i.r.head()
	if err != nil {
		return err
	}
	switch h.major {
	case majorBytes, majorText:
		for h.indefinite() {
			if _, more, err := i.r.chunk(h.major); err != nil || !more {
				return err
			}
		}
		_, err = i.r.bytes(h.arg)
		return err
	case majorTag:
		if depth == 0 {
			return &LimitError{Offset: h.offset, Limit: "depth"}
		}
		return i.Skip(depth - 1)
	case majorArray, majorMap:
		if depth == 0 {
			return &LimitError{Offset: h.offset, Limit: "depth"}
		}
		return i.skipMembers(h, depth-1)
	case majorSimple:
		if h.indefinite() {
			return syntaxError(h.offset, ReasonReserved) // a break
		}
	}
	return nil
}

func (i *Items) skipMembers(h head, depth int) error {
	for done := uint64(0); ; done++ {
		more, err := i.r.more(h, done)
		if err != nil || !more {
			return err
		}
		for range 1 + int(h.major-majorArray) { // a member of a map is two items
			if err := i.Skip(depth); err != nil {
				return err
			}
		}
	}
}

// AppendUint appends an unsigned integer.
func AppendUint(dst []byte, n uint64) []byte { return appendHead(dst, majorUint, n) }

// AppendInt appends an integer.
func AppendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, majorNegative, uint64(-1-n))
	}
	return appendHead(dst, majorUint, uint64(n))
}

// AppendText appends a text string, which must be UTF-8.
func AppendText(dst []byte, s string) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

// AppendBytes appends a byte string.
func AppendBytes[T string | []byte](dst []byte, b T) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(b))), b...)
}

// AppendArray appends the head of an array of n members.
func AppendArray(dst []byte, n int) []byte { return appendHead(dst, majorArray, uint64(n)) }

// AppendMap appends the head of a map of n members.
func AppendMap(dst []byte, n int) []byte { return appendHead(dst, majorMap, uint64(n)) }
