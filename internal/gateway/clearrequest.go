package gateway

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/coapgw/coapgw/coap"
)

// maxClearBody bounds a JSON body that is looked at, in bytes: an event has at most
// 65,536 (CS API, "Size limits").
const maxClearBody = 1 << 20

// sniffed is how much of a file is looked at, in bytes (http.DetectContentType).
const sniffed = 512

// screen returns the request as it may go on air, without any credential, and what it
// means; or why it may not.
func screen(r *http.Request) (*http.Request, clearTarget, *coap.Error) {
	target, refused := routeClear(r.Method, r.URL)
	if refused != nil {
		return nil, target, refused
	}
	if hiddenType(target.eventType) || r.Method == http.MethodPut && target.eventType == "m.room.encryption" {
		return nil, target, notClear(whySecrecy)
	}
	out := r.Clone(r.Context())
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
		out.Header.Del(name)
	}
	query, refused := clearQuery(r.URL)
	if refused != nil {
		return nil, target, refused
	}
	out.URL.RawQuery = query
	if target.kind == clearUpload {
		refused = screenUpload(out)
	} else {
		refused = screenBody(out, target.eventType != "")
	}
	if refused != nil {
		return nil, target, refused
	}
	return out, target, nil
}

// clearQuery returns the query without the access token that it may hold (CS API,
// "Using access tokens"). Other credentials make the request one that does not go.
func clearQuery(u *url.URL) (string, *coap.Error) {
	var kept []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		switch {
		case err != nil:
			return "", notClear(whyUnknown)
		case plain == "access_token":
			continue
		case strings.Contains(strings.ToLower(plain), "token"):
			return "", notClear(whyCredential)
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, "&"), nil
}

// screenBody looks at a body that has to be JSON.
func screenBody(r *http.Request, isEvent bool) *coap.Error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxClearBody+1))
	switch {
	case err != nil:
		return &coap.Error{Status: http.StatusBadRequest, ErrCode: "M_UNKNOWN", Message: "the body did not arrive whole", Err: err}
	case len(text) > maxClearBody:
		return errTooLarge()
	case len(bytes.TrimSpace(text)) == 0:
		r.Body, r.ContentLength = http.NoBody, 0
		return nil
	case r.Header.Get("Content-Encoding") != "":
		return notClear(whyUnknown)
	}
	v, err := readJSON(text)
	if err != nil {
		return &coap.Error{Status: http.StatusBadRequest, ErrCode: "M_NOT_JSON", Message: "the body is not valid JSON"}
	}
	body, _ := v.(map[string]any)
	switch {
	case credential(v, !isEvent):
		return notClear(whyCredential)
	case hidden(v), encryptsRoom(body):
		return notClear(whySecrecy)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return nil
}

// encryptsRoom tells whether the body of createRoom asks for a room in which this
// station could not speak.
func encryptsRoom(body map[string]any) bool {
	states, _ := body["initial_state"].([]any)
	for _, s := range states {
		if state, ok := s.(map[string]any); ok && state["type"] == "m.room.encryption" {
			return true
		}
	}
	return false
}

// screenUpload looks at the beginning of a file.
func screenUpload(r *http.Request) *coap.Error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	begin, body, err := peek(r.Body)
	if err != nil {
		return &coap.Error{Status: http.StatusBadRequest, ErrCode: "M_UNKNOWN", Message: "the body did not arrive whole", Err: err}
	}
	if !clearFile(r.Header, begin) {
		return notClear(whySecrecy)
	}
	r.Body = body
	return nil
}

// peek reads the beginning of a body and returns the whole body again.
func peek(body io.ReadCloser) (begin []byte, whole io.ReadCloser, err error) {
	begin = make([]byte, sniffed)
	n, err := io.ReadFull(body, begin)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, nil, err
	}
	begin = begin[:n]
	return begin, struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begin), body), body}, nil
}

// clearFile tells whether a file is of a kind that everyone can open. An encrypted
// attachment says that it is application/octet-stream (CS API, "Sending encrypted
// attachments") and looks like it.
func clearFile(h http.Header, begin []byte) bool {
	const unknown = "application/octet-stream"
	said, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && said != unknown && h.Get("Content-Encoding") == "" &&
		(len(begin) == 0 || http.DetectContentType(begin) != unknown)
}
