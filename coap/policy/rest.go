package policy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// A file that broke off, because the link was away for longer than a session lasts, goes
// on where it stopped when it is asked for again: media never change, so what is missing
// is a range of the same file (RFC 9110 §14).

// minPart is what is worth a Range, in bytes.
const minPart = 1 << 10

// askRest is the request for what is missing.
func (e *entry) askRest(r *http.Request) *http.Request {
	return with(r, "Range", fmt.Sprintf("bytes=%d-", len(e.body)))
}

// continued makes the answer for the whole file of one for what is missing. One that does
// not fit is asked for anew.
func (t *Transport) continued(c *call, e *entry, resp *http.Response) (*http.Response, error) {
	switch resp.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
	case http.StatusPartialContent:
		missing := fmt.Sprintf("bytes %d-%d/%d", len(e.body), e.total-1, e.total)
		if resp.Header.Get("Content-Range") == missing {
			whole := e.response(c.Request)
			whole.ContentLength = e.total
			whole.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(bytes.NewReader(e.body), resp.Body), resp.Body}
			return whole, nil
		}
	default:
		return resp, nil
	}
	closeBody(resp.Body)
	t.media.drop(e)
	return t.carry(c)
}

// drop forgets an answer, unless another one has taken its place.
func (s *store) drop(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.entries[e.key]; at != nil && at.Value.(*entry) == e {
		s.remove(at)
	}
}
