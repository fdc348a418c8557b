package fakehs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"
)

// object is a JSON object that is written once and not looked at again.
type object = map[string]any

// request is an HTTP request with the parts that handlers need already taken out.
type request struct {
	*http.Request
	args   []string // the parameters of the path, unescaped, in order
	query  url.Values
	body   []byte
	user   *user   // nil on routes that need no token
	device *device // nil on routes that need no token
}

// decode reads the JSON body into v. An empty body counts as {}, because several clients omit it.
func (q *request) decode(v any) error {
	if len(bytes.TrimSpace(q.body)) == 0 {
		return nil
	}
	if !utf8.Valid(q.body) || !json.Valid(q.body) {
		return fail(http.StatusBadRequest, "M_NOT_JSON", "the body is not valid JSON")
	}
	if err := json.Unmarshal(q.body, v); err != nil {
		return fail(http.StatusBadRequest, "M_BAD_JSON", "the body has the wrong shape")
	}
	return nil
}

// content returns the body as it came, for content that the server keeps without understanding it. It must be an object.
func (q *request) content() (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := q.decode(&fields); err != nil {
		return nil, err
	}
	if fields == nil {
		if len(bytes.TrimSpace(q.body)) != 0 {
			return nil, badJSON("the body must be an object")
		}
		return json.RawMessage("{}"), nil
	}
	return json.RawMessage(q.body), nil
}

// self checks that a path parameter names the caller.
func (q *request) self(userID string) error {
	if userID != q.user.id {
		return forbidden("that belongs to another user")
	}
	return nil
}

// limit reads the query parameter of that name, within 1 and 1000.
func (q *request) limit(fallback int) int {
	if n, err := strconv.Atoi(q.query.Get("limit")); err == nil {
		fallback = n
	}
	return min(max(fallback, 1), 1000)
}

// withStatus is an answer with a status other than 200 that is not a standard error.
type withStatus struct {
	status int
	body   any
}

// apiError is a standard error response (CS API, "Standard error response").
type apiError struct {
	status int
	Code   string `json:"errcode"`
	Text   string `json:"error"`
}

func (e *apiError) Error() string { return e.Code + ": " + e.Text }

func fail(status int, code, format string, args ...any) error {
	return &apiError{status, code, fmt.Sprintf(format, args...)}
}

func forbidden(text string) error { return fail(http.StatusForbidden, "M_FORBIDDEN", "%s", text) }
func notFound(text string) error  { return fail(http.StatusNotFound, "M_NOT_FOUND", "%s", text) }
func badJSON(text string) error   { return fail(http.StatusBadRequest, "M_BAD_JSON", "%s", text) }
func invalid(text string) error   { return fail(http.StatusBadRequest, "M_INVALID_PARAM", "%s", text) }
func tooLarge(format string, args ...any) error {
	return fail(http.StatusRequestEntityTooLarge, "M_TOO_LARGE", format, args...)
}

// raw encodes v without the escapes that JSON in HTML would need. v is always something that can be encoded.
func raw(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("fakehs: encoding %T: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body := raw(v)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: nobody to tell
}
