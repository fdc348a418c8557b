package inprocess

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
)

// NewRequest is a request as a server hands it to a handler. token is that of the user and
// body the content, "" for none of either; what is no JSON is a picture.
func NewRequest(ctx context.Context, method, target, token, body string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	switch {
	case body == "":
		r.Body, r.ContentLength = http.NoBody, 0
	case json.Valid([]byte(body)):
		r.Header.Set("Content-Type", "application/json")
	default:
		r.Header.Set("Content-Type", "image/jpeg")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}
