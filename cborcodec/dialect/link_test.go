package dialect

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// entry is an identifier of a table and the note of the message that inserted it.
type entry struct {
	id   string
	note *Note
}

// party is one end of a session on a link that loses nothing: a table for each direction,
// in which references count back from the newest entry, so that they shift with each
// insertion as those of package idtable do.
type party struct {
	// tables are those of what the party writes and what it reads.
	tables [2][]entry
	// note is that of the message under way.
	note *Note
	// refresh inserts anew whatever is referred to.
	refresh bool
}

const (
	written = iota
	read
)

func (p *party) find(table int, id []byte) (ref int64, ok bool) {
	t := p.tables[table]
	for i := len(t) - 1; i >= 0; i-- {
		if t[i].id == string(id) {
			return int64(len(t) - 1 - i), true
		}
	}
	return 0, false
}

// at returns the entry of a reference in a message whose writer fills that table.
func (p *party) at(own, other int, ref int64) *entry {
	if ref < 0 {
		own, ref = other, -1-ref
	}
	if t := p.tables[own]; ref < int64(len(t)) {
		return &t[int64(len(t))-1-ref]
	}
	return nil
}

// writing is a party as the Referrer of a message, reading as its Resolver.
type (
	writing struct{ *party }
	reading struct{ *party }
)

func (w writing) Find(id []byte) (int64, bool) {
	if ref, ok := w.find(written, id); ok {
		return ref, true
	}
	ref, ok := w.find(read, id)
	return -1 - ref, ok
}

func (w writing) Insert(id []byte) bool {
	w.tables[written] = append(w.tables[written], entry{string(id), w.note})
	return true
}

func (w writing) Refresh(id []byte, _ int64) bool { return w.refresh && w.Insert(id) }

func (w writing) Note(ref int64) *Note { return w.at(written, read, ref).note }

func (w writing) Echo(json []byte) (ref int64, sorted bool, size int, ok bool) {
	t := w.tables[read]
	for i := len(t) - 1; i >= 0; i-- {
		ref := -1 - int64(len(t)-1-i)
		switch n := t[i].note; {
		case n.Body != "" && strings.HasPrefix(string(json), n.Body):
			return ref, false, len(n.Body), true
		case n.Sorted != "" && strings.HasPrefix(string(json), n.Sorted):
			return ref, true, len(n.Sorted), true
		}
	}
	return 0, false, 0, false
}

func (r reading) Resolve(ref int64) ([]byte, bool) {
	e := r.at(read, written, ref)
	if e == nil {
		return nil, false
	}
	return []byte(e.id), true
}

func (r reading) Inserted(id []byte) error {
	r.tables[read] = append(r.tables[read], entry{string(id), r.note})
	return nil
}

func (r reading) Note(ref int64) *Note {
	if e := r.at(read, written, ref); e != nil {
		return e.note
	}
	return nil
}

// link is both ends.
type link struct {
	codec          *Codec
	client, server party
	// clock is the latest time that both know, count the last counter of the client.
	clock, count int64
	// room and event are the last that were spoken of.
	room, event string
	// request and response are the payloads of the last exchange.
	request, response []byte
}

func newLink() *link { return &link{codec: New(testHome, cborcodec.Limits{})} }

// exchange carries a request and its response, and checks that both come out as they went
// in and that both ends remember the same.
func (l *link) exchange(t require.TestingT, r Request, answer string) {
	out, in := l.begin(&l.client, &l.server, Context{Count: l.count})
	payload, err := l.codec.AppendRequest(nil, &r, out)
	require.NoError(t, err, "%+v", r)
	got := Request{Opaque: r.Opaque}
	require.NoError(t, l.codec.DecodeRequest(&got, payload, in), "%+v %x", r, payload)
	if r.Body != nil && !r.Opaque {
		r.Body = normal(t, r.Body)
	}
	require.Equal(t, r, got, "%x", payload)
	l.request = payload
	l.count = out.Learned.Count
	l.end(t, out, in, "")

	sync := out.Sync
	out, in = l.begin(&l.server, &l.client, Context{Since: sync.Since, From: sync.From, Private: out.Private})
	in.From = in.sameAs(&l.client, sync.From)
	payload, err = l.codec.AppendBody(nil, []byte(answer), out)
	require.NoError(t, err, answer)
	back, err := l.codec.AppendJSON(nil, payload, in)
	require.NoError(t, err, "%s %x", answer, payload)
	require.Equal(t, string(normal(t, []byte(answer))), string(back), "%x", payload)
	l.response = payload
	l.end(t, out, in, sync.Query)
}

// begin returns the contexts of both ends of a message.
func (l *link) begin(from, to *party, x Context) (out, in *Context) {
	from.note, to.note = new(Note), new(Note)
	x.Clock, x.Room, x.Event = l.clock, l.room, l.event
	a, b := x, x
	a.Refer, b.Solve = writing{from}, reading{to}
	return &a, &b
}

// sameAs is the party's own copy of a note, so that nothing is shared by accident.
func (x *Context) sameAs(p *party, note *Note) *Note {
	if note == nil {
		return nil
	}
	for _, table := range p.tables {
		for _, e := range table {
			if *e.note == *note {
				return e.note
			}
		}
	}
	return nil
}

// end has both ends remember what a message taught.
func (l *link) end(t require.TestingT, out, in *Context, query string) {
	require.Equal(t, out.Learned, in.Learned)
	require.Equal(t, out.Sync, in.Sync)
	require.Equal(t, out.Private, in.Private)
	require.Equal(t, out.Route, in.Route)
	w, r := out.Refer.(writing), in.Solve.(reading)
	require.Equal(t, len(w.tables[written]), len(r.tables[read]))
	l.clock = max(l.clock, out.Learned.Clock)
	l.room, l.event = out.Learned.Room, out.Learned.Event
	*w.note, *r.note = out.Learned, in.Learned
	w.note.Query, r.note.Query = query, query
}

// normal is what version 1 makes of a JSON text.
func normal(t require.TestingT, text []byte) []byte {
	v1 := cborcodec.V1(cborcodec.Limits{})
	item, err := v1.AppendCBOR(nil, text)
	require.NoError(t, err)
	back, err := v1.AppendJSON(nil, item)
	require.NoError(t, err)
	return back
}

// get and put are requests without much.
func get(target string) Request { return Request{Method: "GET", Target: target} }

func put(target, body string) Request {
	return Request{Method: "PUT", Target: target, Body: []byte(body)}
}

// TestPositions: what a key says of its value is of that value alone, however the key
// and the value are written.
func TestPositions(t *testing.T) {
	for _, text := range []string{
		`[1700000000000,{"age":null},5]`,
		`[1700000000000,{"age":1.5},5]`,
		`[1700000000000,{"age":"\n"},5]`,
		`[1700000000000,{"age":[]},5]`,
		`[1700000000000,{"age":5},{"age":5},{"x":6,"age":4}]`,
		`[1700000000000,{"\u0061ge":1700000000000}]`,
		`{"\u0061ge":1700000000000}`,
		`{"age":1700000000000}`,
		`{"x":1700000000000,"age":-5,"y":{"age":-0}}`,
		`{"x":1700000000000,"age":18446744073709551615}`,
		`[{"device_one_time_keys_count":null},{"a":1}]`,
		`{"device_one_time_keys\u005fcount":{"a":1}}`,
		`{"device_one_time_keys_count":[[]],"device_unused_fallback_key_types":{"a":1}}`,
		`{"device_one_time_keys_count": {"a": 1}}`,
		`{"device_one_time_keys_count":{"example.org":1,"m.text":2}}`,
		`{"device_one_time_keys_count":{},"device_unused_fallback_key_types":[]}`,
		`[{"content":1.5},{"a":1}]`,
		`{",\"age":1700000000000,"{\"age":1700000000001}`,
	} {
		l := newLink()
		for range 2 {
			l.exchange(t, get("/_matrix/client/v3/capabilities"), text)
		}
	}
}

// TestNothingElseIsKeptNearby: a key's permission does not reach what stands behind its
// value.
func TestNothingElseIsKeptNearby(t *testing.T) {
	for _, text := range []string{
		`[{"device_id":null},"hunter2secret"]`,
		`[{"session_id":1.5},"hunter2secret"]`,
		`[{"next_batch":"\n"},"hunter2secret"]`,
		`{"device_id":["hunter2secret"]}`,
		`{"device_id":{"x":"hunter2secret"}}`,
		`{"device_id":true,"hunter2secret":0}`,
	} {
		e := newEnds()
		_, err := New(testHome, cborcodec.Limits{}).AppendBody(nil, []byte(text), e.context())
		require.NoError(t, err)
		require.Empty(t, e.sent, text)
	}
}
