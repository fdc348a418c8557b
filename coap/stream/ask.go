package stream

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/coapgw/coapgw/cborcodec"
)

// Path is the first Uri-Path option of a stream, in front of the room. No path of a
// homeserver begins with it.
const Path = "~"

// Bounds of what may be asked for.
const (
	maxTypes    = 8
	maxFields   = 8
	maxName     = 255 // bytes of a room, a type or a field
	minSize     = 12  // bytes of a payload: a mark and a gap, or a mark and a cut
	maxSize     = 512
	maxLast     = 32 // events
	defaultSize = 48 // bytes of a payload: docs/wire-v1.md, "What fits a frame"
	defaultType = "m.room.message"
)

// Ask is what a client asks for.
type Ask struct {
	// Room is an ID or an alias. An alias without a server name is one of the user's
	// homeserver.
	Room string
	// Types are the event types to tell. A "*" at the end stands for anything.
	Types []string
	// Size is the longest payload, in bytes.
	Size int
	// Last is how many events to begin with that are there already.
	Last int
	// Resume: begin after the event of that mark.
	Resume bool
	After  uint32
	// Others leaves out what the user has sent.
	Others bool
	// IDs gives the ID of an event that does not fit, in place of a part of it.
	IDs bool
	// Marks are in each payload.
	Marks bool

	fields []field
}

// parameter is one row of the table of queries in docs/wire-v1.md.
type parameter struct {
	name string
	// many: it may come more than once.
	many bool
	read func(a *Ask, value string) bool
}

var parameters = [...]parameter{
	{"t", true, func(a *Ask, v string) bool {
		a.Types = append(a.Types, v)
		return isName(v) && len(a.Types) <= maxTypes && !strings.Contains(strings.TrimSuffix(v, "*"), "*")
	}},
	{"f", false, func(a *Ask, v string) bool {
		for name := range strings.SplitSeq(v, ",") {
			f, ok := fieldOf(name)
			if !ok || slices.ContainsFunc(a.fields, func(other field) bool { return other.name == f.name }) {
				return false
			}
			a.fields = append(a.fields, f)
		}
		return len(a.fields) <= maxFields
	}},
	{"m", false, func(a *Ask, v string) bool { return number(v, minSize, maxSize, &a.Size) }},
	{"n", false, func(a *Ask, v string) bool { return number(v, 0, maxLast, &a.Last) }},
	{"s", false, func(a *Ask, v string) bool {
		n, err := strconv.ParseUint(v, 10, 32)
		a.Resume, a.After = true, uint32(n)
		return err == nil
	}},
	{"o", false, func(a *Ask, v string) bool { a.Others = true; return v == "0" }},
	{"l", false, func(a *Ask, v string) bool { a.IDs = true; return v == "i" }},
	{"k", false, func(a *Ask, v string) bool { a.Marks = false; return v == "0" }},
}

// ParseAsk reads the room and the queries of a registration, as they stand in their
// options. Its error is an *Error for the client.
func ParseAsk(room string, queries []string) (Ask, error) {
	a := Ask{Room: room, Size: defaultSize, Marks: true}
	if !isName(room) || room[0] != '!' && room[0] != '#' {
		return a, refused("the room is neither an ID nor an alias")
	}
	seen := map[string]bool{}
	for _, q := range queries {
		name, value, ok := strings.Cut(q, "=")
		i := slices.IndexFunc(parameters[:], func(p parameter) bool { return p.name == name })
		if !ok || i < 0 {
			return a, refused("a query is none of a room stream")
		}
		if seen[name] && !parameters[i].many || !parameters[i].read(&a, value) {
			return a, refused("the query " + name + " is out of bounds")
		}
		seen[name] = true
	}
	if a.Resume && seen["n"] {
		return a, refused("a room stream begins either after a mark or with the last events")
	}
	if a.Types == nil {
		a.Types = []string{defaultType}
	}
	if a.fields == nil {
		a.fields = defaultFields()
	}
	return a, nil
}

// Queries are what ParseAsk reads, as short as they are written, without what is so anyway.
func (a *Ask) Queries() (queries []string) {
	add := func(name, value string) { queries = append(queries, name+"="+value) }
	if len(a.Types) != 1 || a.Types[0] != defaultType {
		for _, t := range a.Types {
			add("t", t)
		}
	}
	if names := a.fieldNames(); names != (&Ask{fields: defaultFields()}).fieldNames() {
		add("f", names)
	}
	if a.Size != defaultSize {
		add("m", strconv.Itoa(a.Size))
	}
	switch {
	case a.Resume:
		add("s", strconv.FormatUint(uint64(a.After), 10))
	case a.Last > 0:
		add("n", strconv.Itoa(a.Last))
	}
	if a.Others {
		add("o", "0")
	}
	if a.IDs {
		add("l", "i")
	}
	if !a.Marks {
		add("k", "0")
	}
	return queries
}

// fieldNames are the fields as f has them: by their integer keys where there are such.
func (a *Ask) fieldNames() string {
	names := make([]string, len(a.fields))
	for i, f := range a.fields {
		names[i] = f.name
		if n, err := cborcodec.NewItems(f.key).Uint(); err == nil {
			names[i] = strconv.FormatUint(n, 10)
		}
	}
	return strings.Join(names, ",")
}

// Limit has payloads be no longer than a message of the link takes, in bytes.
func (a *Ask) Limit(size int) { a.Size = max(min(a.Size, size), minSize) }

// Same reports whether two registrations are for the same, wherever they begin.
func (a *Ask) Same(b *Ask) bool {
	return a.Room == b.Room && slices.Equal(a.Types, b.Types) && a.Size == b.Size && a.Others == b.Others &&
		a.IDs == b.IDs && a.Marks == b.Marks &&
		slices.EqualFunc(a.fields, b.fields, func(f, g field) bool { return f.name == g.name })
}

// isName reports whether text can be part of a request to a homeserver.
func isName(text string) bool {
	return text != "" && len(text) <= maxName && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// number reads a decimal number between two bounds.
func number(text string, least, most int, to *int) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	*to = int(n)
	return err == nil && int(n) >= least && int(n) <= most
}

// wants reports whether events of that type by that sender are told.
func (a *Ask) wants(e *event, user string) bool {
	if a.Others && e.Sender == user {
		return false
	}
	return slices.ContainsFunc(a.Types, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return pattern == e.Type || wild && strings.HasPrefix(e.Type, prefix)
	})
}
