package dialect

import "slices"

// NumCounters is how many members of a /sync answer are counters: what each answer
// repeats although it seldom changes.
const NumCounters = len(counterKeys)

// counterKeys are the names of the counters.
var counterKeys = [...]string{
	"device_one_time_keys_count",
	"device_unused_fallback_key_types",
	"org.matrix.msc2732.device_unused_fallback_key_types",
}

// IsCounter says whether a key is that of a counter, whose value has a form of its own.
func IsCounter(key string) bool { return slices.Contains(counterKeys[:], key) }

// Note is what both ends remember of a message that inserted identifiers, beyond these.
type Note struct {
	// Clock is the latest time that was known when the message ended, in ms since 1970; 0
	// for none.
	Clock int64
	// Count is the last counter of a transaction ID that was known when the message ended,
	// 0 for none.
	Count int64
	// Style is how the client writes, as far as was known when the message ended.
	Style Style
	// Room and Event are the last room ID and event ID that were spoken of when the message
	// ended, "" for none.
	Room, Event string
	// Query is the raw query of the /sync that the message answers, "" for none. It is not
	// set by the codec.
	Query string
	// Counts are the JSON texts of the counters, "" where one is not known.
	Counts [NumCounters]string
	// Body is the JSON body of a request that inserted a transaction ID, "" for none, of at
	// most maxEcho bytes; Sorted is the same with the members of objects in the order of
	// their names, "" where that is Body.
	Body, Sorted string
}

// Sync is what a request says if it is a GET of /sync.
type Sync struct {
	// Query is its raw query, "" if it is another request or has none.
	Query string
	// Since is the sync token from which it goes on, and From the note of that token, nil
	// where there is none.
	Since string
	From  *Note
}

// Context is what a message is coded against, and what it leaves behind. Both ends must
// have the same, but for Refer and Solve. The zero Context is that of a message which
// stands alone. A Context serves one message.
type Context struct {
	// Refer writes references, Solve reads them; nil for none.
	Refer Referrer
	Solve Resolver
	// Clock is the latest time that both ends know, in ms since 1970; 0 for none.
	Clock int64
	// Count is the counter of the last transaction ID that both ends know; 0 for none.
	Count int64
	// Style is how the client writes, as far as both ends know.
	Style Style
	// Room and Event are the last room ID and event ID that both ends know to have been spoken
	// of; "" for none.
	Room, Event string
	// Since is the sync token from which a response goes on, "" for none, and From its
	// note, nil for none.
	Since string
	From  *Note
	// Most bounds the body of a request that is read, in bytes, where it is less than
	// MaxOutput of the Codec; 0 for that.
	Most int
	// Private says that nothing of the message may be remembered. A request sets it, and
	// its response must have it.
	Private bool
	// Cut says that Cuts is wanted.
	Cut bool

	// Learned is what is to be remembered with what the message inserted.
	Learned Note
	// Sync is set by a request, and so is Route: the row of the routes, OtherRoute for none.
	Sync  Sync
	Route int
	// Cuts are the places in a payload that was written at which a room begins.
	Cuts []int
}

// learnCount notes the counter of a transaction ID. A nil Context learns nothing.
func (x *Context) learnCount(n int64) {
	if x != nil {
		x.Learned.Count = n
	}
}

// OtherRoute is the Route of a request that no row has.
const OtherRoute = 1<<16 - 1
