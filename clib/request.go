//go:build cgo

package main

import (
	"bytes"
	"context"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Limits of what a program may ask for, in bytes.
const (
	maxPath = 1<<16 - 1
	maxSent = 64 << 20
	// defaultMaxBody and maxAnswer are about answers.
	defaultMaxBody = 16 << 20
	maxAnswer      = 256 << 20
)

// request is a coapgw_request.
type request struct {
	method, path, token string
	body                []byte // JSON, unless form is formatBytes
	form                format
	contentType         string
	timeout             time.Duration // 0 for none
	tag                 uint64
}

// check says what is wrong with a request, and turns its body into JSON.
func (q *request) check() error {
	if q.method == "" {
		q.method = http.MethodGet
	}
	switch {
	case len(q.path) > maxPath:
		return invalid("the path is longer than 65535 bytes")
	case !strings.HasPrefix(q.path, "/"):
		return invalid("the path does not begin with /")
	case !tokenSafe(q.token):
		return invalid("the access token has a character that no access token has")
	case !q.form.known():
		return invalid("there is no such format")
	case q.form == formatBytes && len(q.body) > 0 && q.contentType == "":
		return invalid("a body of bytes needs a content_type")
	case q.form != formatBytes && q.contentType != "":
		return invalid("content_type is for bodies of COAPGW_FORMAT_BYTES")
	}
	if _, _, err := mime.ParseMediaType(q.contentType); q.contentType != "" && err != nil {
		return invalid("content_type is not the type of a body")
	}
	if len(q.body) == 0 {
		return nil
	}
	var err error
	q.body, err = q.form.toJSON(q.body)
	return err
}

// tokenSafe reports whether a token may stand in a header: visible ASCII.
func tokenSafe(token string) bool {
	return strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// http is the request that the client makes.
func (q *request) http(ctx context.Context) (*http.Request, error) {
	target, err := url.ParseRequestURI(q.path)
	if err != nil {
		return nil, invalid("the path is not escaped as a path of a URL is")
	}
	r, err := http.NewRequestWithContext(ctx, q.method, "coaps://gateway", bytes.NewReader(q.body))
	if err != nil {
		return nil, invalid("there is no such method")
	}
	target.Scheme, target.Host = r.URL.Scheme, r.URL.Host
	r.URL = target
	if q.token != "" {
		r.Header.Set("Authorization", "Bearer "+q.token)
	}
	switch {
	case len(q.body) == 0:
	case q.form == formatBytes:
		r.Header.Set("Content-Type", q.contentType)
	default:
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}
