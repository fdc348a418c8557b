package wire2

import (
	"strings"

	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/idtable"
)

// referrer lets the dialect write references.
type referrer struct{ *idtable.Outgoing }

// Note implements dialect.Referrer.
func (r referrer) Note(ref int64) *dialect.Note { return asNote(r.Outgoing.Note(ref)) }

// maxEchoes is how many requests of the other end are looked at for an echo: it comes
// soon or not at all.
const maxEchoes = 64

// Echo implements dialect.Referrer.
func (r referrer) Echo(json []byte) (ref int64, sorted bool, size int, ok bool) {
	var last *dialect.Note
	seen := 0
	r.Recent(func(at int64, _ string, note any) bool {
		n := asNote(note)
		if n == nil || n == last || n.Body == "" {
			return true
		}
		last = n
		seen++
		if strings.HasPrefix(string(json[:min(len(json), len(n.Body))]), n.Body) {
			ref, size, ok = at, len(n.Body), true
		} else if s := n.Sorted; s != "" && strings.HasPrefix(string(json[:min(len(json), len(s))]), s) {
			ref, size, sorted, ok = at, len(s), true, true
		}
		return !ok && seen < maxEchoes
	})
	if ok {
		r.Lean()
	}
	return ref, sorted, size, ok
}

// resolver lets the dialect read them.
type resolver struct{ *idtable.Incoming }

// Resolve implements dialect.Resolver.
func (r resolver) Resolve(ref int64) ([]byte, bool) {
	text, ok := r.Incoming.Resolve(ref)
	return []byte(text), ok
}

// Note implements dialect.Resolver.
func (r resolver) Note(ref int64) *dialect.Note { return asNote(r.Incoming.Note(ref)) }

func asNote(note any) *dialect.Note {
	n, _ := note.(*dialect.Note)
	return n
}

// Recall has a message go on from the note of its base in the server's table, where it knows
// nothing later. n may be nil.
func Recall(x *dialect.Context, n *dialect.Note) {
	if n == nil {
		return
	}
	if x.Clock == 0 {
		x.Clock = n.Clock
	}
	if x.Room == "" {
		x.Room = n.Room
	}
	if x.Event == "" {
		x.Event = n.Event
	}
}

// RecallOwn has a request go on from the note of its base in the client's table. n may be
// nil.
func RecallOwn(x *dialect.Context, n *dialect.Note) {
	if n != nil {
		x.Count, x.Style = n.Count, n.Style
	}
}

// maxQuery bounds the query that is remembered with a sync token, in bytes.
const maxQuery = 1024

// remembered is the note of a message that has taught this, nil where it is not worth
// one.
func remembered(learned dialect.Note, query string) *dialect.Note {
	if len(query) <= maxQuery {
		learned.Query = query
	}
	return &learned
}
