//go:build cgo

package main

// #include <stdlib.h>
// #include <string.h>
// #include "boundary.h"
import "C"

import (
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// maxString bounds a string of a program, in bytes, so that one without an end is found out.
const maxString = 1 << 20

// readString copies a string of a program; NULL is "".
func readString(name string, s *C.char) (string, error) {
	if s == nil {
		return "", nil
	}
	n := C.strnlen(s, maxString)
	if n == maxString {
		return "", invalid(name + " is too long")
	}
	// A copy: the program may do with s what it likes when the call has returned.
	text := strings.Clone(unsafe.String((*byte)(unsafe.Pointer(s)), int(n)))
	if !utf8.ValidString(text) {
		return "", invalid(name + " is not UTF-8")
	}
	return text, nil
}

// stringReader reads strings until one cannot be read.
type stringReader struct{ err error }

func (r *stringReader) read(name string, s *C.char) string {
	text, err := readString(name, s)
	if r.err == nil {
		r.err = err
	}
	return text
}

// maxStruct bounds what a program may call the size of a struct, in bytes.
const maxStruct = 4096

// checkSize checks the size that a struct says it has. A later header may have members that
// this library does not know; what they ask for cannot be ignored, unless it is nothing.
func checkSize(name string, at unsafe.Pointer, said C.size_t, known uintptr) error {
	if uintptr(said) < known || said > maxStruct {
		return invalid(name + " has a wrong size: begin with its _INIT")
	}
	more := unsafe.Slice((*byte)(at), int(said))[known:]
	for _, b := range more {
		if b != 0 {
			return invalid(name + " has members that this version of the library does not know")
		}
	}
	return nil
}

// readOptions copies options; NULL is none.
func readOptions(from *C.coapgw_options) (options, error) {
	if from == nil {
		return options{}, nil
	}
	if err := checkSize("coapgw_options", unsafe.Pointer(from), from.size, unsafe.Sizeof(*from)); err != nil {
		return options{}, err
	}
	var r stringReader
	o := options{
		link:      r.read("link", from.link),
		stateFile: r.read("state_file", from.state_file),
		stateKey:  r.read("state_key_file", from.state_key_file),
		device:    int(from.device),
	}
	if from.max_body > maxAnswer {
		return options{}, invalid("max_body is more than 256 MiB")
	}
	o.maxBody = int64(from.max_body)
	// Read as a number: Go ends the process over a pointer that is none.
	user := *(*C.uintptr_t)(unsafe.Pointer(&from.log_user))
	if log := from.log; log != nil {
		o.log = slog.New(newLogHandler(slog.Level(from.log_level), func(level slog.Level, line string) {
			text := append([]byte(line), 0)
			C.coapgw_boundary_log(log, user, C.int(level), (*C.char)(unsafe.Pointer(&text[0])))
		}))
	}
	return o, r.err
}

// readRequest copies a request.
func readRequest(from *C.coapgw_request) (*request, error) {
	if from == nil {
		return nil, invalid("there is no request")
	}
	if err := checkSize("coapgw_request", unsafe.Pointer(from), from.size, unsafe.Sizeof(*from)); err != nil {
		return nil, err
	}
	var r stringReader
	q := &request{
		method:      r.read("method", from.method),
		path:        r.read("path", from.path),
		token:       r.read("token", from.token),
		contentType: r.read("content_type", from.content_type),
		form:        format(from.format),
		timeout:     time.Duration(from.timeout_ms) * time.Millisecond,
		tag:         uint64(from.tag),
	}
	switch size := from.body_size; {
	case size > maxSent:
		return nil, &failure{code: codeTooLarge, message: "the body is longer than " + strconv.Itoa(maxSent>>20) + " MiB"}
	case size > 0 && from.body == nil:
		return nil, invalid("there is a body_size and no body")
	case size > 0:
		q.body = append(q.body, unsafe.Slice((*byte)(from.body), int(size))...)
	}
	return q, r.err
}

// newString copies a string for a program; nil where memory is out.
func newString(s string) *C.char {
	return (*C.char)(newMemory(len(s)+1, s, "\x00"))
}

// newMemory is memory of a program, size bytes with these parts at the end of them; nil where
// memory is out.
func newMemory(size int, parts ...string) unsafe.Pointer {
	p := C.coapgw_boundary_alloc(C.size_t(size))
	if p != nil {
		fill(unsafe.Slice((*byte)(p), size), parts...)
	}
	return p
}

// fill puts parts at the end of b.
func fill(b []byte, parts ...string) {
	at := len(b)
	for _, part := range parts {
		at -= len(part)
	}
	for _, part := range parts {
		at += copy(b[at:], part)
	}
}

// newResponse copies an answer for a program, in one piece; nil where memory is out.
func newResponse(a *answer) *C.coapgw_response {
	const head = int(unsafe.Sizeof(C.coapgw_response{}))
	body := unsafe.String(unsafe.SliceData(a.body), len(a.body))
	p := newMemory(head+len(a.body)+1+len(a.contentType)+1, body, "\x00", a.contentType, "\x00")
	if p == nil {
		return nil
	}
	r := (*C.coapgw_response)(p)
	*r = C.coapgw_response{
		size:         C.size_t(head),
		status:       C.int(a.status),
		format:       C.int(a.form),
		body:         unsafe.Add(p, head),
		body_size:    C.size_t(len(a.body)),
		content_type: (*C.char)(unsafe.Add(p, head+len(a.body)+1)),
	}
	return r
}

// callBack hands an event to a program's callback. It is in C's memory, where tools notice a
// program that looks at it later; where that is out, in Go's, which must not move meanwhile.
func callBack(hears C.coapgw_event_fn, user C.uintptr_t, handle uint64, e event) bool {
	const head = int(unsafe.Sizeof(C.coapgw_event{}))
	var body, message string
	if e.answer != nil {
		body = unsafe.String(unsafe.SliceData(e.answer.body), len(e.answer.body))
	}
	if e.err != nil {
		message = e.err.message
	}
	size := head + len(body) + 1 + len(message) + 1 + len(e.next) + 1
	parts := []string{body, "\x00", message, "\x00", e.next, "\x00"}
	p := newMemory(size, parts...)
	if p != nil {
		defer C.free(p)
	} else {
		block := make([]byte, size)
		fill(block, parts...)
		p = unsafe.Pointer(&block[0])
		var pinned runtime.Pinner
		pinned.Pin(p)
		defer pinned.Unpin()
	}
	c := (*C.coapgw_event)(p)
	*c = C.coapgw_event{size: C.size_t(head), observation: C.coapgw_observation(handle), kind: C.int(e.kind)}
	if e.answer != nil {
		c.status, c.format = C.int(e.answer.status), C.int(e.answer.form)
		c.body, c.body_size = unsafe.Add(p, head), C.size_t(len(body))
	}
	if e.err != nil {
		c.error = C.int(e.err.code)
		c.message = (*C.char)(unsafe.Add(p, head+len(body)+1))
	}
	c.skipped, c.missing = C.uint64_t(e.skipped), C.uint64_t(e.missing)
	if e.cut {
		c.cut = 1
	}
	if e.next != "" {
		c.next = (*C.char)(unsafe.Add(p, head+len(body)+1+len(message)+1))
	}
	return C.coapgw_boundary_event(hears, user, c) != 0
}
