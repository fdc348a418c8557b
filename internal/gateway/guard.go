package gateway

import (
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/coapgw/coapgw/coap"
)

// Guard stands between the link and a Serve: it lets pass what is for the paths of
// clients, as much of it as each peer may have.
type Guard struct {
	next   http.Handler
	paths  pathTrees
	limits *limiter
	log    *slog.Logger
	told   func(Refusal)
	// paced is for paths that are logged: who has a key may ask for as many as he likes.
	paced rate.Sometimes
}

// paceOfLog is how often at most what a peer can do at will is logged.
const paceOfLog = time.Second

// GuardOptions says what passes. The zero value has the defaults, for a server on the
// open Internet with up to a few thousand peers.
type GuardOptions struct {
	// Paths are the trees of paths at the homeserver that may be reached, each as
	// "/_matrix/client"; nil means DefaultPaths, "/" everything.
	Paths []string
	// Limits bounds how much peers may ask.
	Limits Limits
	// Refused, if not nil, is told of each request that does not pass. It must return
	// soon.
	Refused func(Refusal)
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
}

// Refusal is why a Guard let a request not pass. There are few, so they may be labels.
type Refusal string

// The refusals of a Guard.
const (
	RefusedPath       Refusal = "path"       // 404: not one of Paths
	RefusedRate       Refusal = "rate"       // 429: Limits.Rate
	RefusedConcurrent Refusal = "concurrent" // 429: Limits.Concurrent
	RefusedBytes      Refusal = "bytes"      // 429: Limits.Bytes
	RefusedLoad       Refusal = "load"       // 503: Limits.TotalRate or TotalConcurrent
)

// NewGuard returns a Guard in front of next.
func NewGuard(next http.Handler, o GuardOptions) *Guard {
	if o.Paths == nil {
		o.Paths = DefaultPaths()
	}
	if o.Refused == nil {
		o.Refused = func(Refusal) {}
	}
	return &Guard{next: next, paths: newPathTrees(o.Paths), limits: newLimiter(o.Limits), log: logOrDiscard(o.Log), told: o.Refused, paced: rate.Sometimes{Interval: paceOfLog}}
}

// SetLimits puts other limits in place of those there are, for requests to come too of
// peers that have requests under way.
func (g *Guard) SetLimits(l Limits) { g.limits.set(l) }

// ServeHTTP implements http.Handler. What is refused is answered without the homeserver:
// 404 for a path; 429 (4.29, RFC 8516) where the peer asks too much and 503 (5.03) where all
// do, both with Retry-After, which coap.Server makes Max-Age.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer, _ := coap.PeerFrom(r.Context())
	if !g.paths.pass(r.URL) {
		g.told(RefusedPath)
		g.paced.Do(func() { g.log.Info("a path that does not pass", "peer", peer.Identity, "method", r.Method) })
		writeError(w, errNotPassed())
		return
	}
	name := limitedAs(peer)
	entry, refused := g.limits.enter(name)
	if refused != nil {
		g.told(refused.why)
		g.log.Debug("a request above the limits", "peer", peer.Identity, "limit", string(refused.why))
		refused.write(w)
		return
	}
	defer g.limits.leave(name, entry)
	if r.Body != nil && r.Body != http.NoBody {
		r = r.WithContext(r.Context()) // a copy
		r.Body = &meteredBody{r.Body, entry}
	}
	g.next.ServeHTTP(&meteredWriter{w, entry}, r)
}
