package policy

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// conditions are the headers by which a client asks for something else than the whole
// answer (RFC 9110 §13.1, §14.2): such a request crosses as it is.
var conditions = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Upgrade"}

// plain reports whether a request asks for the whole answer and nothing else.
func (c *call) plain() bool {
	for _, name := range conditions {
		if len(c.Header[name]) > 0 {
			return false
		}
	}
	return (c.Body == nil || c.Body == http.NoBody) && !has(c.Header, "Cache-Control", "no-store")
}

// doubtful reports whether the client wants the homeserver asked (RFC 9111 §5.2.1).
func (c *call) doubtful() bool {
	return has(c.Header, "Cache-Control", "no-cache") || has(c.Header, "Cache-Control", "max-age=0") || has(c.Header, "Pragma", "no-cache")
}

// storeOf is where the answers of a row are kept.
func (t *Transport) storeOf(r *Row) *store {
	if r.media {
		return &t.media
	}
	return &t.answers
}

// recall answers from what is kept, or has Base carry the request and keeps the answer.
func (t *Transport) recall(c *call, age time.Duration) (*http.Response, error) {
	if !c.plain() {
		return t.carry(c)
	}
	s := t.storeOf(c.row)
	// Media are asked for again only where a token may have ended: they have no validator.
	e, fresh := s.get(c.key(), time.Now())
	if e != nil && fresh && (!c.doubtful() || c.row.media) && (!c.token || t.trusted(c.user)) {
		t.Log.Debug("answered from what is kept", "policy", c.row.Name)
		t.count(func(n *Counts) { n.Answered++ })
		return e.response(c.Request), nil
	}
	asked, m := *c, s.now(c.family)
	validator := ""
	switch {
	case e == nil:
	case e.total > 0:
		asked.Request = e.askRest(c.Request)
	case !c.row.media:
		if validator = e.validator(); validator != "" {
			asked.Request = with(c.Request, "If-None-Match", validator)
		}
	}
	resp, err := t.carry(&asked)
	if err != nil {
		return nil, err
	}
	if e != nil && e.total > 0 {
		if resp, err = t.continued(c, e, resp); err != nil {
			return nil, err
		}
	}
	resp.Request = c.Request
	switch {
	case resp.StatusCode == http.StatusNotModified && validator != "":
		closeBody(resp.Body)
		again := newEntry(c, refreshed(e.header, resp.Header), e.body, e.expiry(c.row, age))
		s.put(again, m)
		return again.response(c.Request), nil
	case resp.StatusCode == http.StatusOK && !has(resp.Header, "Cache-Control", "no-store"):
		length := resp.ContentLength
		resp.Body = &keeping{
			ReadCloser: resp.Body, store: s, length: length, header: resp.Header.Clone(),
			keep: func(header http.Header, body []byte, broke bool) {
				e := newEntry(c, header, body, time.Time{})
				switch {
				case !broke:
					e.until = e.expiry(c.row, age)
				case c.row.media && c.Context().Err() == nil && len(body) >= minPart && int64(len(body)) < length:
					e.total = length
				default:
					return
				}
				s.put(e, m)
			},
		}
	}
	return resp, nil
}

// expiry is when an answer that was given now has to be asked for again.
func (e *entry) expiry(r *Row, age time.Duration) time.Time {
	now := time.Now()
	if age == Forever {
		return now.AddDate(100, 0, 0)
	}
	var says struct {
		TTL *int64 `json:"ttl"`
	}
	if r.bounded && json.Unmarshal(e.body, &says) == nil && says.TTL != nil {
		// Half of it is left for the client.
		age = min(age, time.Duration(min(max(*says.TTL, 0), 1<<30))*second/2)
	}
	return now.Add(age)
}

// refreshed is the head of an answer that still holds (RFC 9111 §3.2).
func refreshed(kept, said http.Header) http.Header {
	h := kept.Clone()
	for name, values := range said {
		if name != "Content-Length" && name != "Content-Type" {
			h[name] = values
		}
	}
	return h
}

// keeping is the body of an answer that is kept when it was read to its end.
type keeping struct {
	io.ReadCloser
	store  *store
	length int64 // -1 when not known
	header http.Header
	// keep takes the whole body, or what came of it before it broke off.
	keep func(header http.Header, body []byte, broke bool)

	body     []byte
	reserved int
	over     bool // nothing is kept, or all is done
}

// Read implements io.Reader.
func (k *keeping) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	if k.over {
		return n, err
	}
	switch {
	case len(k.body)+n > k.store.max/4 || !k.room(n):
		k.stop()
		return n, err
	case n > 0:
		k.body = append(k.body, p[:n]...)
	}
	if err != nil {
		body := k.body
		k.stop()
		k.keep(k.header, body, err != io.EOF || k.length >= 0 && k.length != int64(len(body)))
	}
	return n, err
}

// room reserves what the body takes, as it grows.
func (k *keeping) room(n int) bool {
	if !k.store.reserve(n) {
		return false
	}
	k.reserved += n
	return true
}

// stop keeps no more.
func (k *keeping) stop() {
	k.store.free(k.reserved)
	k.over, k.body, k.reserved = true, nil, 0
}

// Close implements io.Closer.
func (k *keeping) Close() error {
	if !k.over {
		k.stop()
	}
	return k.ReadCloser.Close()
}
