package answers

import (
	"bytes"
	"maps"
	"net/http"
)

// maxHeld bounds the body of an answer that is held back until it is stored, in bytes.
// That of a transaction is an event id; a longer one is passed on as it comes, and not
// stored.
const maxHeld = 64 << 10

// holder is an http.ResponseWriter that holds an answer back.
type holder struct {
	w      http.ResponseWriter
	header http.Header
	status int // 0 until the head was written
	body   bytes.Buffer
	passed bool // w has the head, and what comes goes there
}

// Header implements http.ResponseWriter.
func (h *holder) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter. Nobody waits for 1xx here.
func (h *holder) WriteHeader(status int) {
	if h.status == 0 && status >= 200 {
		h.status = status
	}
}

// Write implements http.ResponseWriter.
func (h *holder) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	if h.passed {
		return h.w.Write(p)
	}
	h.body.Write(p)
	if h.body.Len() > maxHeld {
		h.release()
	}
	return len(p), nil
}

// answer returns what was written; whole is false when not all of it is here.
func (h *holder) answer() (a Answer, whole bool) {
	h.WriteHeader(http.StatusOK) // as net/http does for a handler that says nothing
	return Answer{Status: h.status, ContentType: h.header.Get("Content-Type"), Body: h.body.Bytes()}, !h.passed
}

// release passes on what was held back.
func (h *holder) release() {
	if h.passed {
		return
	}
	h.passed = true
	maps.Copy(h.w.Header(), h.header)
	h.w.WriteHeader(h.status)
	_, _ = h.w.Write(h.body.Bytes()) // the peer has gone: it asks again
	h.body = bytes.Buffer{}
}
