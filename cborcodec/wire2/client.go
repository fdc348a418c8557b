package wire2

import (
	"errors"
	"time"

	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/idtable"
)

// Client is the end of a session that makes requests. It is safe for concurrent use.
type Client struct {
	format *Format
	terms  Terms
	codec  *dialect.Codec
	tables *idtable.Client // nil for none
}

// NewClient returns the client's end of a session that begins, or goes on after the
// client lost what it knew.
func (f *Format) NewClient(t Terms) *Client {
	c := &Client{format: f, terms: t, codec: dialect.New(t.Home, t.Limits)}
	if n := t.size(); n > 0 {
		c.tables = idtable.NewClient(n)
	}
	return c
}

// Exchange is a request on its way and what its response is read against.
type Exchange struct {
	client *Client
	tables *idtable.Exchange // nil for none
	asked
}

// asked is what both ends know of a request.
type asked struct {
	route int
	sync  dialect.Sync
	clock int64
	// room and event are the last that were spoken of.
	room, event string
	private     bool
}

// Request appends the payload of a request. now must be on the same clock for all
// requests, and GiveUp. Errors are those of dialect.Codec.AppendRequest.
func (c *Client) Request(dst []byte, r *dialect.Request, now time.Time) ([]byte, *Exchange, error) {
	x := &Exchange{client: c}
	var context dialect.Context
	var out *idtable.Outgoing
	if c.tables != nil {
		out, x.tables = c.tables.Request(now)
		context.Refer = referrer{out}
		Recall(&context, asNote(out.BaseNote()))
		RecallOwn(&context, asNote(out.OwnNote()))
	}
	message, err := c.codec.AppendRequest(nil, r, &context)
	if err != nil {
		if out != nil {
			out.Cancel()
		}
		return dst, nil, err
	}
	x.learn(&context)
	var s idtable.State
	if out != nil {
		s = out.Commit(remembered(context.Learned, ""))
	}
	if state := appendState(nil, s, s.Client != 0, nil); len(state) > 0 {
		message = append(state, message...)
	}
	return c.format.pack(dst, s.Server|s.Client<<4, requestPrelude(context.Style), message, nil, &c.terms), x, nil
}

func (a *asked) learn(x *dialect.Context) {
	a.route, a.sync, a.clock, a.private = x.Route, x.Sync, x.Learned.Clock, x.Private
	a.room, a.event = x.Learned.Room, x.Learned.Event
}

// Arrived says that the server has acknowledged the request and the response is still to
// come.
func (x *Exchange) Arrived() {
	if x.tables != nil {
		x.tables.Arrived()
	}
}

// GiveUp says that nobody waits for the response any more; a request that has not Arrived
// may do so before until.
func (x *Exchange) GiveUp(until time.Time) {
	if x.tables != nil {
		x.tables.GiveUp(until)
	}
}

// Refused says that the server answered without having read the request.
func (x *Exchange) Refused() {
	if x.tables != nil {
		x.tables.Refused()
	}
}

// Response appends the JSON text of a response with this HTTP status, or of a notification
// in the observation that the request registered; ok is false when it has no body. The
// error is ErrUnknown when the request is to be made again, ErrMalformed, or one of package
// dialect or coder: then the response is lost.
func (x *Exchange) Response(dst, payload []byte, status int) (json []byte, ok bool, err error) {
	c := x.client
	if isUnknown(payload) {
		if x.tables != nil {
			c.tables.Reset(x.tables)
		}
		return dst, false, ErrUnknown
	}
	if x.tables != nil {
		x.tables.Answered()
	}
	return x.read(dst, payload, status)
}

// Answered says that a response has come which shows that the server has read the
// request, where Response is not called for it.
func (x *Exchange) Answered() {
	if x.tables != nil {
		x.tables.Answered()
	}
}

// open begins to read a message with this state against the tables that it names, or
// that its request named.
func (x *Exchange) open(flags byte, s idtable.State) (*idtable.Incoming, error) {
	switch flags {
	case 0:
		return x.tables.Response(s)
	case baseless:
		return x.tables.Notification(s)
	}
	s.Server = flags
	return x.tables.Notification(s)
}

func (x *Exchange) read(dst, payload []byte, status int) (json []byte, ok bool, err error) {
	c := x.client
	if len(payload) == 0 {
		return append(dst, emptyObject...), true, nil
	}
	flags, message, err := c.format.unpack(nil, responsePrelude(x.route, status), payload, c.terms.limit())
	if err != nil {
		return dst, false, err
	}
	s, since, message, err := cutState(message)
	if err == nil {
		err = checkAnswer(s, since, flags == 0)
	}
	if err != nil {
		return dst, false, err
	}
	context := x.context()
	if flags != 0 {
		context = dialect.Context{Private: x.private}
	}
	var in *idtable.Incoming
	if x.tables != nil {
		if in, err = x.open(flags, s); err != nil {
			return dst, false, lost(err)
		}
		context.Solve = resolver{in}
		Recall(&context, asNote(in.BaseNote()))
		if since != nil {
			if err := goOn(&context, in, *since); err != nil {
				return dst, false, err
			}
		}
	}
	json, ok, err = readBody(c.codec, dst, message, &context)
	if err != nil {
		return dst, false, err
	}
	if in != nil {
		if err := in.Commit(remembered(context.Learned, x.sync.Query)); err != nil {
			return dst, false, lost(err)
		}
	}
	return json, ok, nil
}

// lost turns what the tables do not know into ErrUnknown.
func lost(err error) error {
	if errors.Is(err, idtable.ErrUnknown) {
		return ErrUnknown
	}
	return err
}

// context is what the response to a request is coded against, beside the tables.
func (a *asked) context() dialect.Context {
	return dialect.Context{Clock: a.clock, Room: a.room, Event: a.event, Since: a.sync.Since, From: a.sync.From, Private: a.private}
}

// goOn has a notification go on from the sync token of a reference.
func goOn(x *dialect.Context, in *idtable.Incoming, since int64) error {
	text, ok := in.Resolve(since)
	if !ok {
		return ErrUnknown
	}
	x.Since, x.From = text, asNote(in.Note(since))
	return nil
}

const (
	emptyObject = "{}"
	// noBody is the message of a response without a body.
	noBody = "\xf7"
)

// readBody appends the JSON text of a message.
func readBody(c *dialect.Codec, dst, message []byte, x *dialect.Context) (json []byte, ok bool, err error) {
	if string(message) == noBody {
		return dst, false, nil
	}
	json, err = c.AppendJSON(dst, message, x)
	return json, err == nil, err
}
