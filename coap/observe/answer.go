package observe

import (
	"bytes"
	"io"
	"net/http"
	"strconv"

	"github.com/coapgw/coapgw/cborcodec"
)

// update is an answer that goes on from what was there before.
type update struct {
	next string
	// counts are those in it, see Gist.
	counts string
	body   []byte
	// kept: it is in the store.
	kept bool
}

// passing is an answer that is not 200, for whoever asks.
type passing struct {
	status int
	header http.Header
	body   []byte
}

// Gist is what a gateway reads in an answer to /sync (CS API, "Syncing").
type Gist struct {
	// NextBatch is the token of the answer.
	NextBatch string
	// Counts are the members that every answer repeats, as a fragment of an object; empty
	// where there are none.
	Counts string
	// Empty says that there is nothing but those.
	Empty bool
}

// GistOf reads a body; ok is false for one that is no answer to a /sync.
func GistOf(body []byte) (g Gist, ok bool) {
	members, err := cborcodec.JSONMembers(body)
	if err != nil {
		return g, false
	}
	if g.NextBatch, err = cborcodec.JSONString(members["next_batch"]); err != nil || g.NextBatch == "" {
		return Gist{}, false
	}
	delete(members, "next_batch")
	for _, name := range countKeys() {
		if count, has := members[name]; has {
			g.Counts += `,"` + name + `":` + string(count)
			delete(members, name)
		}
	}
	g.Empty = true
	for _, value := range members {
		g.Empty = g.Empty && hollow(value)
	}
	return g, true
}

// hollow reports whether a JSON value holds nothing but null, objects of such and empty
// arrays. It reads no further than to the first thing that is more.
func hollow(value []byte) bool {
	for len(value) > 0 {
		c := value[0]
		value = value[1:]
		switch c {
		case ' ', '\t', '\r', '\n', '{', '}', ',', ':', ']':
		case 'n':
			value = value[len("ull"):]
		case '[':
			if rest := bytes.TrimLeft(value, " \t\r\n"); rest[0] != ']' {
				return false
			}
		case '"':
			for ; value[0] != '"'; value = value[1:] {
				if value[0] == '\\' {
					value = value[1:]
				}
			}
			value = bytes.TrimLeft(value[1:], " \t\r\n")
			if len(value) == 0 || value[0] != ':' { // no name of a member
				return false
			}
		default:
			return false
		}
	}
	return true
}

// nothing is the answer when a poll ends without news: the client stays where it is, and
// is told again of what every answer tells.
func nothing(since, counts string) []byte {
	b := cborcodec.AppendJSONString([]byte(`{"next_batch":`), since)
	return append(append(b, counts...), '}')
}

// respond makes the HTTP response.
func respond(r *http.Request, status int, header http.Header, body []byte) *http.Response {
	if header == nil {
		header = http.Header{"Content-Type": {"application/json"}}
	}
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		Request: r,
	}
}
