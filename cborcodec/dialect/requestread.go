package dialect

import (
	"strings"

	"github.com/coapgw/coapgw/coap/paths"
)

// DecodeRequest reads a payload of AppendRequest into r, whose Body it reuses and
// whose Opaque it keeps.
// x may be nil. Target may be longer than the payload by what words and
// references stand for, but holds only characters that are legal there. The error is
// a *FormatError, ErrReference, ErrRequest, one of the Resolver's or one of package
// cborcodec.
func (c *Codec) DecodeRequest(r *Request, payload []byte, x *Context) error {
	s := c.begin(x)
	defer c.end(s)
	s.x.Private, s.x.Sync, s.x.Route = false, Sync{}, OtherRoute
	in := items{src: payload}
	err := s.readTarget(r, &in)
	if err == nil {
		err = s.readRequestBody(r, &in)
	}
	if err != nil {
		return asFormatError(err)
	}
	s.x.Private = isPrivate(r)
	s.noteSync(r, s.ask(r))
	if s.x.Solve != nil && s.sends(r) {
		s.remember(r.Body)
	}
	s.finish()
	return nil
}

// readTarget reads everything before the body, except the query of a literal route,
// which has it in its text.
func (s *state) readTarget(r *Request, in *items) error {
	form, err := readForm(in)
	if err != nil {
		return err
	}
	major, n, err := in.head()
	if err != nil {
		return err
	}
	if major == majorText {
		text, err := in.take(n)
		if err != nil {
			return err
		}
		r.Method, r.Target, _ = strings.Cut(string(text), " ")
		if !legalRequest(r) {
			return ErrRequest
		}
		return s.readQuery(r, in, form, false)
	}
	if major != majorUint || n >= uint64(len(routes.rows)) {
		return errRow
	}
	s.x.Route = int(n)
	row := &routes.rows[n]
	segments := make([]string, 0, len(row.parts))
	for _, p := range row.parts {
		if !p.param {
			segments = append(segments, p.literal)
			continue
		}
		at := in.pos
		value, err := s.readValue(in)
		if err != nil {
			return err
		}
		if p.literal == transactionParam {
			s.style = s.style.with(form.Byte(), in.src[at:in.pos])
		}
		segments = append(segments, value)
	}
	r.Method = row.method
	r.Target, err = new(paths.Table).Expand(segments, form)
	if err != nil {
		return errParams
	}
	s.argument = placeArgument(r.Method, r.Target)
	return s.readQuery(r, in, form, true)
}

// readForm reads the form, if there is one.
func readForm(in *items) (paths.Form, error) {
	if initial, ok := in.peek(); !ok || initial>>5 != majorNegative {
		return paths.Form{}, nil
	}
	_, n, err := in.head()
	if err != nil {
		return paths.Form{}, err
	}
	if n >= 63 {
		return paths.Form{}, errRow
	}
	form, err := paths.ParseForm(uint8(n + 1))
	if err != nil {
		return paths.Form{}, errRow
	}
	return form, nil
}

// readValue reads a path parameter or the value of a query argument.
func (s *state) readValue(in *items) (string, error) {
	value, err := s.appendText(s.value[:0], in)
	s.value = value
	return string(value), err
}

// readRequestBody reads what is left.
func (s *state) readRequestBody(r *Request, in *items) error {
	first, ok := in.peek()
	switch {
	case s.stuck:
		return nil
	case r.Opaque:
		r.Body = append(r.Body[:0], in.src[in.pos:]...)
		return nil
	case !ok && takesBody(r.Method):
		r.Body = append(r.Body[:0], emptyObject...)
		return nil
	case ok && first == itemUndefined && in.rest() > 1:
		return errTrailing
	case !ok, first == itemUndefined:
		r.Body = nil
		return nil
	}
	codec := s.codec
	if s.x.Most > 0 {
		codec = codec.Within(s.x.Most)
	}
	body, err := codec.AppendJSON(r.Body[:0], in.src[in.pos:])
	if err == nil {
		r.Body = body
	}
	return err
}
