package wire2

import (
	"errors"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/idtable"
)

// Server is the end of a session that answers requests. It is safe for concurrent use.
type Server struct {
	format *Format
	terms  Terms
	codec  *dialect.Codec
	tables *idtable.Server // nil for none
}

// NewServer returns the server's end of a session. lives is how often it was begun
// before: a server that lost what it knew must not use names of then.
func (f *Format) NewServer(t Terms, lives uint32) *Server {
	s := &Server{format: f, terms: t, codec: dialect.New(t.Home, t.Limits)}
	if n := t.size(); n > 0 {
		s.tables = idtable.NewServer(n, uint64(lives)<<32)
	}
	return s
}

// Call is a request that arrived.
type Call struct {
	server *Server
	tables *idtable.Call // nil for none
	asked
}

// Admit takes a request in the order of arrival, before it is acknowledged. life tells
// lives of the client apart: later ones are greater, modulo 256.
func (s *Server) Admit(life uint8) *Call {
	c := &Call{server: s}
	if s.tables != nil {
		c.tables = s.tables.Admit(life)
	}
	return c
}

// Request reads the request into r. The error is ErrState when the answer must be
// Unknown and the request must not be executed, or says that it is malformed.
func (c *Call) Request(r *dialect.Request, payload []byte) error {
	return c.read(r, payload, 0)
}

// RequestWithin is Request where the message and the body of the request have at most so
// many bytes. It fails with ErrTooLong for a longer one, which may be read again with more:
// a short payload may stand for a long request.
func (c *Call) RequestWithin(r *dialect.Request, payload []byte, most int) error {
	err := c.read(r, payload, most)
	if isLimit(err) {
		return ErrTooLong
	}
	return err
}

// isLimit reports whether an error says that something is too long.
func isLimit(err error) bool {
	var coded *coder.LimitError
	var body *cborcodec.LimitError
	return errors.As(err, &coded) || errors.As(err, &body) && body.Limit == "MaxOutput"
}

func (c *Call) read(r *dialect.Request, payload []byte, most int) error {
	s := c.server
	limit := s.terms.limit()
	if most > 0 {
		limit = min(limit, most)
	}
	b, err := unwrap(payload)
	if err != nil {
		return err
	}
	// The base in the client's table says how the client writes, so it comes first.
	own, err := c.ownNote(b.flags >> 4)
	if err != nil {
		return stateError(err)
	}
	context := dialect.Context{Most: most}
	RecallOwn(&context, own)
	state, items, err := s.open(b, requestPrelude(context.Style), limit)
	if err != nil {
		if own != nil && !isLimit(err) {
			// Only what it acknowledges would show that its base is this one: a server that was
			// restarted may hold another of that name.
			return ErrState
		}
		return err
	}
	var in *idtable.Incoming
	if c.tables != nil {
		if in, err = c.tables.Request(state); err != nil {
			return stateError(err)
		}
		context.Solve = resolver{in}
		Recall(&context, asNote(in.BaseNote()))
	} else if state != (idtable.State{}) {
		return ErrState
	}
	if err := s.codec.DecodeRequest(r, items, &context); err != nil {
		return stateError(err)
	}
	c.learn(&context)
	if in == nil {
		return nil
	}
	return stateError(in.Commit(remembered(context.Learned, "")))
}

// open decodes a request: what it says of the tables, and its items.
func (s *Server) open(b body, prelude []byte, limit int) (st idtable.State, items []byte, err error) {
	message, err := s.format.decode(nil, prelude, b, limit)
	if err != nil {
		return st, nil, err
	}
	st, since, items, err := cutState(message)
	if err != nil {
		return st, nil, err
	}
	st.Server, st.Client = b.flags&15, b.flags>>4
	return st, items, checkRequest(st, since)
}

// ownNote is the note of the base in the client's table that a request names so, nil for
// none.
func (c *Call) ownNote(client byte) (*dialect.Note, error) {
	switch {
	case client == 0:
		return nil, nil
	case c.tables == nil:
		return nil, idtable.ErrUnknown
	}
	note, err := c.tables.OwnNote(client)
	return asNote(note), err
}

// stateError tells what the client can mend from what it cannot.
func stateError(err error) error {
	if errors.Is(err, idtable.ErrUnknown) || errors.Is(err, dialect.ErrReference) {
		return ErrState
	}
	return err
}

// Response appends the payload of the response to a request that was read, which has
// that HTTP status and body; json is nil for none. The error is one of package dialect:
// json is not JSON.
func (c *Call) Response(dst, json []byte, status int) ([]byte, error) {
	s := c.server
	context := c.context()
	var out *idtable.Outgoing
	if c.tables != nil {
		out = c.tables.Response()
	}
	payload, _, err := s.write(dst, json, status, &context, out, c, nil)
	return payload, err
}

// Notification is a message of an observation that is on its way.
type Notification struct{ tables *idtable.Notification }

// Done says whether the client has acknowledged the notification.
func (n *Notification) Done(acknowledged bool) {
	if n.tables != nil {
		n.tables.Done(acknowledged)
	}
}

// Notification appends the payload of a message in the observation that the request
// registered, behind the response. since is the sync token from which it goes on: that of
// the message before, which the client has acknowledged. The error is as of Response.
func (c *Call) Notification(dst, json []byte, status int, since string) ([]byte, *Notification, error) {
	s := c.server
	context := dialect.Context{Private: c.private}
	n := &Notification{}
	var out *idtable.Outgoing
	var from *int64
	if s.tables != nil {
		out, n.tables = s.tables.Notification()
		if ref, ok := out.Find([]byte(since)); ok {
			from = &ref
			context.Since, context.From = since, asNote(out.Note(ref))
		}
	}
	payload, sent, err := s.write(dst, json, status, &context, out, c, &pushed{from})
	if !sent {
		n = nil
	}
	return payload, n, err
}

// pushed is what only a notification says.
type pushed struct{ since *int64 }

// write makes the payload of a message of the server's.
func (s *Server) write(dst, json []byte, status int, x *dialect.Context, out *idtable.Outgoing, c *Call, p *pushed) (payload []byte, sent bool, err error) {
	x.Cut = s.terms.Apart
	if out != nil {
		x.Refer = referrer{out}
		Recall(x, asNote(out.BaseNote()))
	}
	message := []byte(noBody)
	if json != nil {
		if message, err = s.codec.AppendBody(nil, json, x); err != nil {
			if out != nil {
				out.Cancel()
			}
			return dst, false, err
		}
	}
	var state idtable.State
	based := false
	if out != nil {
		based = out.Based()
		state = out.Commit(remembered(x.Learned, c.sync.Query))
	}
	var since *int64
	if p != nil {
		since = p.since
		if state.Server == 0 {
			state.Server = baseless
		}
	}
	head := appendState(nil, state, based, since)
	if len(head)+len(message) == 0 && state.Server == 0 {
		return dst, true, nil
	}
	cuts := make([]int, 0, len(x.Cuts))
	for _, at := range x.Cuts {
		cuts = append(cuts, at+len(head))
	}
	return s.format.pack(dst, state.Server, responsePrelude(c.route, status), append(head, message...), cuts, &s.terms), true, nil
}
