package observe

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
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
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || json.Unmarshal(members["next_batch"], &g.NextBatch) != nil || g.NextBatch == "" {
		return g, false
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

// hollow reports whether a value holds nothing but empty objects and arrays.
func hollow(value json.RawMessage) bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) == nil {
		for _, v := range object {
			if !hollow(v) {
				return false
			}
		}
		return true
	}
	var array []json.RawMessage
	return json.Unmarshal(value, &array) == nil && len(array) == 0
}

// nothing is the answer when a poll ends without news: the client stays where it is, and
// is told again of what every answer tells.
func nothing(since, counts string) []byte {
	token, err := json.Marshal(since)
	if err != nil {
		panic(err) // a string always has a form
	}
	return []byte(`{"next_batch":` + string(token) + counts + `}`)
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
