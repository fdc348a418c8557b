package dialect

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap/paths"
)

// Role is what a part is in its message.
type Role uint8

// Roles.
const (
	// Form is how path and query were escaped, Route the row of a request or its target.
	Form Role = iota
	Route
	// Parameter is a segment of the path, Query the head of the query or a whole one, and
	// Argument one of its arguments.
	Parameter
	Query
	Argument
	// Body is the outermost value, Member one of an object, with its key, and Element one
	// of an array.
	Body
	Member
	Element
)

// Part is a piece of a payload for people to look at: an item that stands for a value, with
// its key if it has one, or the head of a container, whose parts follow.
type Part struct {
	// At is where it begins in the payload, Size how long it is, in bytes.
	At, Size int
	// Depth is how many containers of the body it is in.
	Depth int
	Role  Role
	// Name is the key, or the name of a parameter or argument.
	Name string
	// Text is the value: JSON, but without escapes, and in the target of a request without
	// quotes. It is empty for the head of a container, and where it is not known.
	Text string
	// How says by what item it stands there, where that is no plain one.
	How string
	// Ref is the reference, where HasRef; Inserted says that a string becomes an entry.
	Ref      int64
	HasRef   bool
	Inserted bool
	// Unknown says that the value depends on what x does not have.
	Unknown bool
	// Passed says that a member of a body of version 1 does not count, since its name is there as
	// text, too.
	Passed bool
}

// Explain calls visit for the parts of a payload of AppendRequest or AppendBody, in their
// order. x is as for reading; what it lacks makes values unknown, and no error. The error
// says that the payload is malformed from the end of the last part on.
func (c *Codec) Explain(payload []byte, request bool, x *Context, visit func(*Part)) error {
	s := c.begin(x)
	defer c.end(s)
	s.told = true
	e := explainer{state: s, owner: c, codec: s.codec, in: items{src: payload}, visit: visit}
	var err error
	if request {
		err = e.request()
	} else if len(payload) > 0 {
		err = e.body()
	}
	s.finish()
	if err != nil {
		return asFormatError(err)
	}
	return nil
}

// ExplainVersion1 is Explain for a body of version 1, which has none of the dialect's items.
func ExplainVersion1(payload []byte, limits cborcodec.Limits, visit func(*Part)) error {
	e := explainer{version1: true, codec: cborcodec.V1(limits), in: items{src: payload}, visit: visit}
	if err := e.body(); err != nil {
		return asFormatError(err)
	}
	return nil
}

type explainer struct {
	*state // nil for version 1
	owner  *Codec
	// codec reads what the dialect does not.
	codec *cborcodec.Codec
	in    items
	visit func(*Part)
	depth int
	// unsure: a text that is not known may be the last "body".
	unsure   bool
	version1 bool
}

// show ends a part that began at some place.
func (e *explainer) show(p *Part, at int) {
	p.At, p.Size, p.Depth = at, e.in.pos-at, e.depth
	e.visit(p)
}

func (e *explainer) request() error {
	at := e.in.pos
	form, err := readForm(&e.in)
	if err != nil {
		return err
	}
	if e.in.pos > at {
		e.show(&Part{Role: Form, Text: fmt.Sprintf("escaping styles %d and %d", form.Byte()&7, form.Byte()>>3&7)}, at)
	}
	at = e.in.pos
	major, n, err := e.in.head()
	if err != nil {
		return err
	}
	assumed := false
	if major == majorText {
		text, err := e.in.take(n)
		if err != nil {
			return err
		}
		var r Request
		r.Method, r.Target, _ = strings.Cut(string(text), " ")
		if !legalRequest(&r) {
			return ErrRequest
		}
		assumed = takesBody(r.Method)
		e.show(&Part{Role: Route, Text: string(text)}, at)
	} else {
		if major != majorUint || n >= uint64(len(routes.rows)) {
			return errRow
		}
		assumed = takesBody(routes.rows[n].method)
		e.show(&Part{Role: Route, Text: routeRows[n], How: fmt.Sprintf("route %d", n)}, at)
		if err := e.parameters(&routes.rows[n], form); err != nil {
			return err
		}
	}
	if err := e.query(major != majorText); err != nil {
		return err
	}
	first, ok := e.in.peek()
	if !ok || e.stuck {
		if assumed && !e.stuck {
			e.show(&Part{Role: Body, Text: emptyObject, How: "nothing"}, e.in.pos)
		}
		return nil
	}
	if first == itemUndefined {
		at := e.in.pos
		e.in.pos++
		e.show(&Part{Role: Body, How: "undefined: no body"}, at)
		return e.end()
	}
	return e.body()
}

// parameters reads those of a path.
func (e *explainer) parameters(row *route, form paths.Form) error {
	segments, unknown := make([]string, 0, len(row.parts)), false
	for _, p := range row.parts {
		if !p.param {
			segments = append(segments, p.literal)
			continue
		}
		part := &Part{Role: Parameter, Name: p.literal}
		at := e.in.pos
		if err := e.text(part, at); err != nil {
			return err
		}
		if p.literal == transactionParam {
			e.style = e.style.with(form.Byte(), e.in.src[at:e.in.pos])
		}
		segments, unknown = append(segments, part.Text), unknown || part.Unknown
	}
	path, err := new(paths.Table).Expand(segments, form)
	if err != nil && !unknown {
		return errParams
	}
	e.argument = placeArgument(row.method, path)
	return nil
}

func (e *explainer) query(allowed bool) error {
	at := e.in.pos
	initial, ok := e.in.peek()
	switch {
	case !ok:
		return nil
	case initial == itemUndefined:
		e.in.pos++
		e.show(&Part{Role: Query, How: "undefined: none"}, at)
		return nil
	case initial == majorTag<<5|tagReference && allowed:
		return e.sticky(at)
	case initial>>5 != majorArray:
		return nil
	case !allowed:
		return errItem
	}
	_, count, err := e.in.head()
	if err != nil {
		return err
	}
	if count > maxQueryItems {
		return errContent
	}
	if first, ok := e.in.peek(); ok && count == 1 && first>>5 == majorText {
		_, raw, err := e.in.string()
		if err != nil {
			return err
		}
		if !legalRequest(&Request{Method: "GET", Target: "/?" + string(raw)}) {
			return ErrRequest
		}
		e.show(&Part{Role: Query, Text: string(raw), How: "as it is"}, at)
		return nil
	}
	e.show(&Part{Role: Query, How: fmt.Sprintf("array of %d", count)}, at)
	e.depth++
	defer func() { e.depth-- }()
	for done := uint64(0); done < count; done++ {
		at := e.in.pos
		key, err := readKey(&e.in)
		if err != nil {
			return err
		}
		if !utf8.ValidString(key) {
			return errContent
		}
		if isWholeArgument(key) {
			e.show(&Part{Role: Argument, Text: key, How: fmt.Sprintf("row %d", argumentNumbers[key])}, at)
			continue
		}
		if done++; done == count {
			return errContent
		}
		p := &Part{Role: Argument, Name: key}
		if next, ok := e.in.peek(); ok && next == itemNull {
			e.in.pos++
			p.How = "null: no ="
			e.show(p, at)
			continue
		}
		if err := e.text(p, at); err != nil {
			return err
		}
		if !utf8.ValidString(p.Text) {
			return errContent
		}
	}
	return nil
}

// sticky reads the reference that stands for all that is asked.
func (e *explainer) sticky(at int) error {
	p := &Part{Role: Query, How: "sticky"}
	if err := e.reference(p); err != nil {
		return err
	}
	e.stuck = e.argument == slidingPlace
	var body string
	if note := e.note(p.Ref); note == nil || p.Unknown || note.Query == "" {
		p.Unknown = true
	} else {
		query, item, post := strings.Cut(note.Query, bodyMark)
		query, ok := withPlace(query, e.argument, p.Text)
		p.Text, p.Unknown, body = query, !ok || post != e.stuck, item
	}
	switch {
	case e.argument == "":
		return errItem
	case p.Unknown:
		p.Text = ""
	case !legalRequest(&Request{Method: "GET", Target: "/?" + p.Text}):
		return ErrRequest
	}
	e.show(p, at)
	if !e.stuck {
		return nil
	}
	if err := e.end(); err != nil || p.Unknown {
		return err
	}
	json, err := e.owner.AppendJSON(nil, []byte(body), nil)
	if err != nil {
		return err
	}
	e.show(&Part{Role: Body, Text: string(json), How: "sticky"}, e.in.pos)
	return nil
}

// RouteNumber returns the row of a request such as "GET /_matrix/client/v3/sync". What is in
// braces in the row may be anything.
func RouteNumber(request string) (n int, ok bool) {
	if n := slices.Index(routeRows, request); n >= 0 {
		return n, true
	}
	method, target, _ := strings.Cut(request, " ")
	path, _, _ := strings.Cut(target, "?")
	segments, _, ok := new(paths.Table).Shorten(path, false)
	if !ok {
		return 0, false
	}
	return routes.match(method, segments)
}
