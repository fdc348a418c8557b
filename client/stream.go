package client

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/coapgw/coapgw/coap/stream"
)

// Stream is what is to be told of a room (docs/wire-v1.md, "Room stream"). All but Room and
// Token may be left out.
type Stream struct {
	// Room is its ID or an alias, and Token the access token of a user who is in it.
	Room, Token string
	// Types are the types of events to tell, up to 8; "*" at the end of one stands for
	// anything. None is m.room.message.
	Types []string
	// Fields are those of an event, or of its content, that are told, up to 8, in this order.
	// None is sender and body.
	Fields []string
	// Size is the longest message, in bytes of CBOR, 12 to 512, and never more than a block of
	// the link; 0 is as long as can be. What does not fit is cut.
	Size int
	// Last is how many events to begin with that are there already, up to 32.
	Last int
	// Resume has the stream begin after the event with the mark After, and not with Last.
	Resume bool
	After  uint32
	// Others leaves out what the user itself has sent.
	Others bool
	// IDs has the ID of an event that does not fit told, in place of a part of the event.
	IDs bool
}

// Event is what Follow tells of a room. One without Err is an event, or says that events
// were skipped.
type Event struct {
	// Mark is where the room goes on: Stream.After, in this process or in another one, when the
	// event has been dealt with.
	Mark uint32
	// Fields are a JSON object of the fields that were chosen and that the event has, side by
	// side. A sender without ":" is a user of one's own homeserver: alice for
	// @alice:example.org.
	Fields []byte
	// Cut: the event does not fit. Missing is how many bytes are missing of its last text, 0
	// where a field is missing as a whole.
	Cut     bool
	Missing int
	// Gap: there is no event here, for some were skipped, Skipped in number, or an unknown
	// number where that is 0. Fields may have the event_id of the newest of them.
	Gap     bool
	Skipped int
	// Err is what failed; it is being tried again.
	Err error
}

// streamPath is in front of the room in what ParseStream reads.
const streamPath = "/" + stream.Path + "/"

// maxStreamSize is the longest message of a stream, in bytes.
const maxStreamSize = 512

var errStream = errors.New("client: not a room stream: /~/ROOM and the queries of docs/wire-v1.md")

// ParseStream reads a Stream without its Token as it is asked for over the link: "/~/", the
// room, and queries, escaped as in a URL, as in "/~/%23lab:example.org?n=3&f=sender,body".
// Without m it is as long as can be.
func ParseStream(target string) (Stream, error) {
	path, query, _ := strings.Cut(target, "?")
	escaped, ok := strings.CutPrefix(path, streamPath)
	if !ok || strings.Contains(escaped, "/") {
		return Stream{}, errStream
	}
	room, err := url.PathUnescape(escaped)
	if err != nil {
		return Stream{}, errStream
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Stream{}, errStream
	}
	var queries []string
	for name, all := range values {
		if name == "k" {
			return Stream{}, errors.New("client: a room stream needs its marks")
		}
		for _, value := range all {
			queries = append(queries, name+"="+value)
		}
	}
	ask, err := stream.ParseAsk(room, queries)
	if err != nil {
		return Stream{}, err
	}
	s := Stream{
		Room: room, Types: ask.Types, Last: ask.Last, Resume: ask.Resume, After: ask.After,
		Others: ask.Others, IDs: ask.IDs,
	}
	if values.Has("f") {
		s.Fields = strings.Split(values.Get("f"), ",")
	}
	if values.Has("m") {
		s.Size = ask.Size
	}
	return s, nil
}

// IsStream reports whether a request target is one for ParseStream, and not a path of a
// homeserver.
func IsStream(target string) bool { return strings.HasPrefix(target, streamPath) }

// ask is what is asked for, checked.
func (s *Stream) ask() (stream.Ask, error) {
	size := s.Size
	if size == 0 {
		size = maxStreamSize
	}
	queries := []string{"m=" + strconv.Itoa(size)}
	for _, t := range s.Types {
		queries = append(queries, "t="+t)
	}
	if len(s.Fields) > 0 {
		queries = append(queries, "f="+strings.Join(s.Fields, ","))
	}
	if s.Resume {
		queries = append(queries, "s="+strconv.FormatUint(uint64(s.After), 10))
	}
	if s.Last != 0 {
		queries = append(queries, "n="+strconv.Itoa(s.Last))
	}
	if s.Others {
		queries = append(queries, "o=0")
	}
	if s.IDs {
		queries = append(queries, "l=i")
	}
	return stream.ParseAsk(s.Room, queries)
}

// eventOf is an Event of what came.
func eventOf(t stream.Told) Event {
	return Event{
		Mark: t.Mark, Fields: t.Fields, Cut: t.Cut, Missing: bounded(t.Missing), Gap: t.Gap, Skipped: bounded(t.Skipped),
	}
}

// bounded is a number that a message can be about.
func bounded(n uint64) int { return int(min(n, 1<<30)) }

// refusedForGood reports whether the gateway or the homeserver will refuse a stream again.
func refusedForGood(status int) bool {
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError &&
		status != http.StatusTooManyRequests && status != http.StatusRequestTimeout
}
