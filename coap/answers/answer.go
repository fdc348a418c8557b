package answers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/coapgw/coapgw/coap/txn"
)

// Answer is an HTTP answer, as much of it as a Matrix client looks at.
type Answer struct {
	// Status is the HTTP status, 100 to 999.
	Status int
	// ContentType is that of Body, at most 255 bytes; empty for none.
	ContentType string
	// Body is the content.
	Body []byte
}

// Response returns the answer as one to r.
func (a Answer) Response(r *http.Request) *http.Response {
	resp := &http.Response{
		Status: strconv.Itoa(a.Status) + " " + http.StatusText(a.Status), StatusCode: a.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Request: r,
		Body: io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)),
	}
	if a.ContentType != "" {
		resp.Header.Set("Content-Type", a.ContentType)
	}
	return resp
}

// write gives the answer to a client.
func (a Answer) write(w http.ResponseWriter) {
	if a.ContentType != "" {
		w.Header().Set("Content-Type", a.ContentType)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the peer has gone: it asks again
}

// owner is the beginning of the hash of a user.
type owner [8]byte

func ownerOf(user txn.Digest) (o owner) {
	copy(o[:], user[:])
	return o
}

// entry is what an answer is in the store:
//
//	version, time in seconds (8 bytes), owner, status (2 bytes), length of Content-Type,
//	Content-Type, body
type entry struct {
	at    time.Time
	owner owner
	Answer
}

const (
	entryVersion = 1
	entryHead    = 1 + 8 + len(owner{}) + 2 + 1
	maxType      = 255
)

var errEntry = errors.New("answers: not an answer of this version")

func (e entry) encode() []byte {
	if len(e.ContentType) > maxType {
		e.ContentType = ""
	}
	b := make([]byte, 0, entryHead+len(e.ContentType)+len(e.Body))
	b = append(b, entryVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(e.at.Unix()))
	b = append(b, e.owner[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(e.Status))
	b = append(append(b, byte(len(e.ContentType))), e.ContentType...)
	return append(b, e.Body...)
}

func decodeEntry(b []byte) (e entry, err error) {
	if len(b) < entryHead || b[0] != entryVersion {
		return e, errEntry
	}
	e.at = time.Unix(int64(binary.BigEndian.Uint64(b[1:])), 0)
	b = b[9:]
	b = b[copy(e.owner[:], b):]
	e.Status = int(binary.BigEndian.Uint16(b))
	size := int(b[2])
	b = b[3:]
	if len(b) < size || e.Status < 100 || e.Status > 999 {
		return e, errEntry
	}
	e.ContentType, e.Body = string(b[:size]), b[size:]
	return e, nil
}
