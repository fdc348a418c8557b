package lasting

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// homeserver answers each call with who made it by its token, and notes what was
// done. A call is named in its query, and takes as long as its query says.
type homeserver struct {
	mu sync.Mutex
	// done counts how often each call was executed, by its name.
	done map[string]int
	// callers are the tokens that a call came with, which must be that of its user.
	callers map[string]string
	wrong   []string
}

// call is what a user asks for.
type call struct {
	name, method, token string
	takes               time.Duration
	// size is how much is sent and answered beside the rest, in bytes.
	size int
}

// content is a body of at least so many bytes that says whose it is.
func content(name string, size int) string {
	return fmt.Sprintf(`{"body":%q}`, name+strings.Repeat(" "+name, size/(len(name)+1)))
}

func (c call) url() string {
	path := "/_matrix/client/v3/account/whoami"
	switch c.method {
	case http.MethodPut:
		path = "/_matrix/client/v3/rooms/!r:x/send/m.room.message/" + c.name
	case http.MethodPost:
		path = "/_matrix/client/v3/keys/upload"
	}
	return fmt.Sprintf("http://gateway%s?call=%s&takes=%s&size=%d", path, c.name, c.takes, c.size)
}

// answer is what the homeserver says to a call of this token.
func answer(name, token string, size int) string {
	return fmt.Sprintf(`{"call":%q,"token":%q,"more":%s}`, name, token, content(name, size))
}

// expect registers a call.
func (h *homeserver) expect(c call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers[c.name] = c.token
}

// RoundTrip implements http.RoundTripper.
func (h *homeserver) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, err // it did not arrive whole
		}
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	name := r.URL.Query().Get("call")
	size, _ := strconv.Atoi(r.URL.Query().Get("size"))
	h.mu.Lock()
	if len(body) > 0 && string(body) != content(name, size) {
		h.wrong = append(h.wrong, fmt.Sprintf("call %q came with %d bytes of something else", name, len(body)))
	}
	if want, known := h.callers[name]; !known || want != token {
		h.wrong = append(h.wrong, fmt.Sprintf("call %q came with token %q, not %q", name, token, want))
	}
	h.done[name]++
	h.mu.Unlock()
	if d, err := time.ParseDuration(r.URL.Query().Get("takes")); err == nil && d > 0 {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(answer(name, token, size))), Request: r,
	}, nil
}

func (h *homeserver) times(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done[name]
}

// faults returns calls that came with somebody else's token.
func (h *homeserver) faults() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wrong
}

// reset forgets all calls.
func (h *homeserver) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.done)
	clear(h.callers)
}
