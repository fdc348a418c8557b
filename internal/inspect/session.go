package inspect

import (
	"net/http"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/idtable"
	"github.com/coapgw/coapgw/cborcodec/wire2"
)

// unknownHome stands for the home server's name where nobody has told it.
const unknownHome = "(home)"

// maxDecoded is the longest payload that is decoded, in bytes.
const maxDecoded = 1 << 20

// Session is what is known of a session of wire version 2, from its messages. It is not
// safe for concurrent use.
type Session struct {
	format         *wire2.Format
	codec          *dialect.Codec
	client, server *table
	guessed        dialect.Style // see guess
	told           bool          // it was not guessed, but Assume has said it
	size           int           // how many entries of each may be referred to, at most
}

// NewSession returns a session of which nothing was seen. Home is the name of the home
// server, empty for unknown.
func NewSession(f *wire2.Format, home string) *Session {
	s := &Session{format: f}
	s.begin(home, 0)
	return s
}

// limits are those of what is decoded.
var limits = cborcodec.Limits{MaxInput: maxDecoded, MaxOutput: 16 * maxDecoded}

// begin forgets the tables: both ends have agreed anew, on so many entries; 0 for not known.
func (s *Session) begin(home string, entries int) {
	if home == "" {
		home = unknownHome
	}
	if entries == 0 {
		entries = idtable.MaxSize
	}
	s.size = entries
	s.codec = dialect.New(home, limits)
	s.client, s.server = newTable(), newTable()
	if !s.told {
		s.guessed = noStyle
	}
}

// Asked is a request, as far as its response is read against it.
type Asked struct {
	// Route is the row of the routes, or dialect.OtherRoute.
	Route int

	// Style is how its client writes, as far as that was known before.
	Style dialect.Style

	sync  dialect.Sync
	clock int64
	// room and event are the last that were spoken of.
	room, event  string
	private      bool
	head         bool
	ack          *batch
	askedEnd     uint64
	named, known bool
}

// NoRoute is the Route of a request that no row has.
const NoRoute = dialect.OtherRoute

// Route returns the row of a request such as "GET /_matrix/client/v3/sync".
func Route(request string) (row int, ok bool) { return dialect.RouteNumber(request) }

// Request reports on the payload of a request.
func (s *Session) Request(r *Report, payload []byte) (*Asked, error) {
	a := &Asked{Route: dialect.OtherRoute}
	name := wire2.OwnBase(payload)
	base := s.client.named(name, clientNames)
	x := dialect.Context{}
	guessed := false
	switch {
	case base != nil:
		wire2.RecallOwn(&x, base.note)
	case name != 0:
		x.Style, guessed = s.guess(payload)
	}
	a.Style = x.Style
	o, err := s.format.Open(wire2.RequestPrelude(a.Style), payload, maxDecoded)
	v := view{report: r, payload: payload, opened: o, request: true}
	if unseen := name != 0 && base == nil && !s.told; unseen && (err != nil || mixes(o)) {
		if !guessed {
			r.hide(Payload, 1, len(payload), "coded against what was not seen, how its client writes (--after)")
			return a, nil
		}
		r.say(1, "how its client writes was not seen, and is guessed")
	}
	if err != nil {
		v.malformed(err)
		return a, err
	}
	st := &o.State
	st.Server, st.Client = o.Flags&15, o.Flags>>4
	a.named = st.Server != 0 || st.Client != 0 || st.HasAck && st.Ack != 0
	a.known = true
	switch {
	case st.HasAck && st.Ack != 0:
		a.ack = s.server.batches[st.Ack]
		a.known = a.ack != nil
	case st.Server != 0:
		a.ack = s.server.named(st.Server, serverNames)
		a.known = a.ack != nil
	}
	if st.Client != 0 {
		a.known = a.known && base != nil
	}
	in := &resolver{own: s.client, other: s.server, size: s.size}
	if a.ack != nil {
		in.otherEnd = a.ack.end
		wire2.Recall(&x, a.ack.note)
	}
	if base != nil {
		in.ownEnd = base.end
	}
	v.base, v.ack, v.missing = base, a.ack, a.named && !a.known
	learned := x
	learned.Solve = in.again()
	x.Solve = in
	v.show(s.codec, &x)

	a.askedEnd = in.ownEnd
	var request dialect.Request
	items := o.Message[o.HeadSize:]
	if err := s.codec.DecodeRequest(&request, items, &learned); err != nil {
		a.Route = learned.Route // as far as it could be read
		return a, nil
	}
	a.Route, a.sync, a.clock, a.private = learned.Route, learned.Sync, learned.Learned.Clock, learned.Private
	a.room, a.event = learned.Learned.Room, learned.Learned.Event
	a.head = request.Method == http.MethodHead
	if b := s.learn(s.client, base, o, learned.Solve.(*resolver).added, wire2.Remembered(learned.Learned, "")); b != nil {
		a.askedEnd = b.end
	}
	return a, nil
}

// Response reports on the payload of a response with an HTTP status to a request, or of a
// notification. A nil Asked is not known.
func (s *Session) Response(r *Report, payload []byte, status int, a *Asked) error {
	if a == nil {
		a = &Asked{Route: dialect.OtherRoute}
	}
	v := view{report: r, payload: payload}
	if len(payload) == 0 {
		r.say(1, "nothing: {}")
		return nil
	}
	o, err := s.format.Open(wire2.ResponsePrelude(a.Route, status), payload, maxDecoded)
	v.opened = o
	if err != nil {
		v.malformed(err)
		return err
	}
	st := &o.State
	in := &resolver{own: s.server, other: s.client, size: s.size}
	x := dialect.Context{Private: a.private}
	base := a.ack
	if o.Flags != 0 {
		base = nil
		v.notification = true
		if o.Flags != wire2.Baseless {
			base = s.server.named(o.Flags, notificationNames)
			v.missing = base == nil
		}
		if st.HasAsked {
			if b := s.client.batches[st.Asked]; b != nil {
				in.otherEnd = b.end
			}
		}
	} else {
		x.Clock, x.Since, x.From = a.clock, a.sync.Since, a.sync.From
		x.Room, x.Event = a.room, a.event
		in.otherEnd = a.askedEnd
		v.missing = !a.known
	}
	if base != nil {
		in.ownEnd = base.end
		wire2.Recall(&x, base.note)
	}
	if o.Since != nil {
		if text, ok := in.Resolve(*o.Since); ok {
			x.Since, x.From = string(text), in.Note(*o.Since)
		}
	}
	v.base, v.ack = base, a.ack
	learned := x
	learned.Solve = in.again()
	x.Solve = in
	v.show(s.codec, &x)

	items := o.Message[o.HeadSize:]
	if wire2.IsNoBody(items) || o.Control != 0 {
		return nil
	}
	if _, err := s.codec.AppendJSON(nil, items, &learned); err == nil {
		s.learn(s.server, base, o, learned.Solve.(*resolver).added, wire2.Remembered(learned.Learned, a.sync.Query))
	}
	return nil
}

// learn keeps what a message inserted.
func (s *Session) learn(t *table, base *batch, o *wire2.Opened, texts []string, note *dialect.Note) *batch {
	if len(texts) == 0 || base == nil && !o.State.Inserts {
		return nil
	}
	number, first := o.State.Number, o.State.First
	if base != nil {
		number += base.number + 1
		first += base.end
	}
	if number == 0 || number > 1<<62 || first > 1<<62 {
		return nil
	}
	return t.add(number, first, texts, note)
}
