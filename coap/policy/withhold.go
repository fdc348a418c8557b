package policy

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// sameness says which of the requests that are held back take each other's place: what
// comes later says all that the one before said.
type sameness uint8

const (
	// samePath: those with the same path.
	samePath sameness = iota
	// sameReceipt: receipts of a kind in a room, or in a thread of it.
	sameReceipt
	// sameMembers: those with the same path whose bodies have members of the same names.
	sameMembers
)

// maxHeldBody bounds the bodies that are held back, in bytes; larger ones pass.
const maxHeldBody = 16 << 10

// withhold answers a request that is merged or dropped, if the homeserver would most
// likely say the same.
func (t *Transport) withhold(c *call, a Action) (*http.Response, error) {
	if !t.trusted(c.user) {
		return t.carry(c)
	}
	body, whole, err := takeBody(c.Request)
	if err != nil {
		return nil, err
	}
	members := map[string]json.RawMessage{}
	ok := whole && (len(bytes.TrimSpace(body)) == 0 || json.Unmarshal(body, &members) == nil && members != nil)
	if ok && a.Verb == Drop || ok && t.hold(c, body, c.sameAs(members), a.For) {
		t.Log.Debug("withheld", "policy", c.row.Name)
		if a.Verb == Drop {
			t.count(func(n *Counts) { n.Dropped++ })
		}
		return &http.Response{
			Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"application/json"}},
			Body:   io.NopCloser(strings.NewReader("{}")), ContentLength: 2, Request: c.Request,
		}, nil
	}
	passed := *c
	passed.Request = c.Request.WithContext(c.Context()) // a copy
	if whole {
		passed.Body = io.NopCloser(bytes.NewReader(body))
	} else {
		passed.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), c.Body), c.Body}
	}
	return t.carry(&passed)
}

// takeBody reads the body of a request. If it is not whole, the rest is still in it.
func takeBody(r *http.Request) (body []byte, whole bool, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, true, nil
	}
	body, err = io.ReadAll(io.LimitReader(r.Body, maxHeldBody+1))
	if err != nil {
		_ = r.Body.Close()
		return nil, false, err
	}
	if len(body) > maxHeldBody {
		return body, false, nil
	}
	return body, true, r.Body.Close()
}

// sameAs names what a request takes the place of; members are those of its body.
func (c *call) sameAs(members map[string]json.RawMessage) string {
	path := slices.Clone(c.path)
	what := ""
	switch c.row.same {
	case sameReceipt:
		path = path[:len(path)-1] // the event
		what = string(members["thread_id"])
	case sameMembers:
		what = strings.Join(slices.Sorted(maps.Keys(members)), "\x00")
	}
	return strings.Join([]string{string(c.user[:]), c.Method, strings.Join(path, "/"), c.URL.RawQuery, what}, "\x00")
}
