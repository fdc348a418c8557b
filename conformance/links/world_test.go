package links

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// world is a pair in front of a homeserver.
type world struct {
	*virtual.Pair
	homeserver *recorder
}

// inWorld runs f with a pair over the link, whose client uses profile p.
func inWorld(t *testing.T, p link.Profile, l linkemu.Config, f func(*world)) {
	homeserver := &recorder{Handler: fakehs.New(fakehs.Config{ServerName: "ship.example", Seed: 1})}
	cfg := virtual.Config{Client: p, Link: l, Homeserver: inprocess.Transport{Handler: homeserver}}
	if p.Validate() != nil { // the server would not go by such timers
		cfg.Server = p
	}
	virtual.Run(t, cfg, func(pair *virtual.Pair) {
		f(&world{pair, homeserver})
		s := pair.Link.Stats()
		assert.Zero(pair.T, s.Up.Violations+s.Down.Violations, "datagrams over the MTU")
	})
}

// recorder keeps the last answer of a handler and counts its requests.
type recorder struct {
	http.Handler
	requests atomic.Int32
	mu       sync.Mutex
	last     []byte
}

// ServeHTTP implements http.Handler.
func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.requests.Add(1)
	answer := httptest.NewRecorder()
	r.Handler.ServeHTTP(answer, req)
	r.mu.Lock()
	r.last = bytes.Clone(answer.Body.Bytes())
	r.mu.Unlock()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (r *recorder) answer() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.last)
}
