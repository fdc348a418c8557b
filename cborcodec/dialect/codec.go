package dialect

import "github.com/coapgw/coapgw/cborcodec"

// Codec converts messages to the dialect and back. It is immutable and safe for
// concurrent use.
type Codec struct {
	home  string
	plain *cborcodec.Codec
	// idle keeps states with their buffers between calls. Nothing that one message
	// leaves there is read by the next.
	idle chan *state
}

const (
	// maxIdle is how many states are kept: more calls at a time allocate.
	maxIdle = 8
	// maxKept is the longest buffer that is kept, in bytes.
	maxKept = 64 << 10
)

// state is one message with the codec that asks it.
type state struct {
	message
	owner *Codec
	codec *cborcodec.Codec
	// value holds a path parameter or the value of a query argument.
	value []byte
	// alone is the context of a message without one.
	alone Context
	// argument begins the argument of a query that is the place from which a sync goes on,
	// "" if the request is none; since is the note of that place, nil for none.
	argument string
	since    *Note
	// stuck says that the reference of that place stands for all that is asked.
	stuck bool
}

// New returns the codec of a session. Home is the name of the home server, as it
// stands behind the colon of identifiers; both ends must have the same. With an
// empty one, identifiers travel in full. Limits bound single messages as those of
// package cborcodec; what a word or reference stands for may pass MaxOutput by its
// length.
func New(home string, limits cborcodec.Limits) *Codec {
	return &Codec{home: home, plain: cborcodec.V1(limits), idle: make(chan *state, maxIdle)}
}

// begin returns the state of a new message, end gives it back.
func (c *Codec) begin(x *Context) *state {
	var s *state
	select {
	case s = <-c.idle:
	default:
		s = &state{message: message{home: c.home, words: &words}, owner: c}
		s.codec = c.plain.Extended(&s.message)
	}
	if x == nil {
		x = &s.alone
	}
	s.start(x)
	s.argument, s.since, s.stuck = "", nil, false
	return s
}

func (c *Codec) end(s *state) {
	s.x, s.alone, s.since = nil, Context{}, nil
	if cap(s.scratch) > maxKept {
		s.scratch = nil
	}
	if cap(s.value) > maxKept {
		s.value = nil
	}
	if cap(s.text) > maxKept || cap(s.marked) > maxKept {
		s.text, s.marked = nil, nil
	}
	select {
	case c.idle <- s:
	default:
	}
}

// emptyObject is the JSON text that no payload stands for.
const emptyObject = "{}"

// AppendBody appends a JSON text, the body of a response, to dst. The empty object
// is the empty payload. x may be nil. The error is a *cborcodec.SyntaxError or
// *cborcodec.LimitError; dst then comes back with its old length.
func (c *Codec) AppendBody(dst, json []byte, x *Context) ([]byte, error) {
	s := c.begin(x)
	defer c.end(s)
	s.base = len(dst)
	dst, err := s.appendBody(dst, json)
	s.finish()
	return dst, err
}

func (s *state) appendBody(dst, json []byte) ([]byte, error) {
	if string(json) == emptyObject {
		return dst, nil
	}
	return s.codec.AppendCBOR(dst, json)
}

// AppendJSON appends the JSON text of a payload of AppendBody to dst. x may be nil. The
// error is a *FormatError, ErrReference, one of the Resolver's or one
// of package cborcodec; dst then comes back with its old length.
func (c *Codec) AppendJSON(dst, payload []byte, x *Context) ([]byte, error) {
	s := c.begin(x)
	defer c.end(s)
	defer s.finish()
	if len(payload) == 0 {
		return append(dst, emptyObject...), nil
	}
	s.searched = len(dst)
	return s.codec.AppendJSON(dst, payload)
}
