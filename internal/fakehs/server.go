// Package fakehs is a small Matrix homeserver that lives in memory. It speaks the client-server API well enough for real
// clients to chat, encrypted or not, and is meant for demonstrations and tests: nothing is stored, nothing is federated,
// and apart from bodies and media the memory it uses grows with what its users do.
//
// Section titles in comments ("CS API, ...") refer to the Matrix client-server specification, version 1.11.
package fakehs

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config says how a Server behaves. The zero value is usable.
type Config struct {
	// ServerName is the part after the colon in every identifier. Default: "localhost".
	ServerName string
	// BaseURL is announced at /.well-known/matrix/client; when empty that address answers 404.
	BaseURL string
	// Now gives the times that events carry. Default: time.Now. Waiting never uses it, only the time package does.
	Now func() time.Time
	// Seed, when not 0, makes all identifiers and access tokens repeatable. Never set it where strangers can connect.
	Seed uint64
	// MaxBody is the largest JSON request body in bytes. Default: 1 MiB.
	MaxBody int64
	// MaxUpload is the largest media upload in bytes. Default: 50 MiB.
	MaxUpload int64
	// MaxMedia is how many bytes of media are kept in total. Default: 256 MiB.
	MaxMedia int64
}

// Server is the homeserver, an http.Handler that is safe for concurrent use. It starts no goroutine and needs no closing:
// a waiting /sync ends with its request. Under testing/synctest, create it inside the bubble.
type Server struct {
	cfg    Config
	routes *node

	mu       sync.Mutex    // guards everything below
	changed  chan struct{} // closed and replaced whenever a waiting /sync should look again
	now      position
	ids      *idSource
	users    map[string]*user
	tokens   map[string]*device
	sessions map[string]struct{} // open interactive authentications
	rooms    map[string]*room
	aliases  map[string]*alias
	media    map[string]*media
	stored   int64 // bytes of media kept
}

// New returns an empty server.
func New(cfg Config) *Server {
	cfg.ServerName = cmp.Or(cfg.ServerName, "localhost")
	cfg.MaxBody = cmp.Or(cfg.MaxBody, 1<<20)
	cfg.MaxUpload = cmp.Or(cfg.MaxUpload, 50<<20)
	cfg.MaxMedia = cmp.Or(cfg.MaxMedia, 256<<20)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Server{
		cfg:      cfg,
		routes:   buildRoutes(),
		changed:  make(chan struct{}),
		ids:      newIDSource(cfg.Seed),
		users:    map[string]*user{},
		tokens:   map[string]*device{},
		sessions: map[string]struct{}{},
		rooms:    map[string]*room{},
		aliases:  map[string]*alias{},
		media:    map[string]*media{},
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// CS API, "Web Browser Clients".
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization")
	if r.Method == http.MethodOptions {
		return
	}
	answer, err := s.answer(w, r)
	if e := (*apiError)(nil); errors.As(err, &e) {
		answer = withStatus{e.status, e}
	}
	switch v := answer.(type) {
	case *media:
		v.serve(w, r)
	case withStatus:
		writeJSON(w, v.status, v.body)
	default:
		writeJSON(w, http.StatusOK, v)
	}
}

// answer runs the handler of the request. Its errors are always *apiError.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	route, args, err := s.routes.match(r.Method, r.URL.EscapedPath())
	if err != nil {
		return nil, err
	}
	q := &request{Request: r, args: args, query: r.URL.Query()}
	if !route.open {
		if err := s.authenticate(q); err != nil {
			return nil, err
		}
	}
	limit := s.cfg.MaxBody
	if route.upload {
		limit = s.cfg.MaxUpload
	}
	q.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if e := (*http.MaxBytesError)(nil); errors.As(err, &e) {
		return nil, tooLarge("the body exceeds %d bytes", limit)
	} else if err != nil {
		return nil, fail(http.StatusBadRequest, "M_UNKNOWN", "the body could not be read")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return route.handle(s, q)
}

// authenticate finds the device behind the access token of a request.
func (s *Server) authenticate(q *request) error {
	token, ok := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = q.query.Get("access_token")
	}
	if token == "" {
		return fail(http.StatusUnauthorized, "M_MISSING_TOKEN", "missing access token")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.tokens[token]
	if d == nil {
		return fail(http.StatusUnauthorized, "M_UNKNOWN_TOKEN", "unknown access token")
	}
	d.lastSeen = s.millis()
	q.device, q.user = d, d.owner
	return nil
}

// wake makes every waiting /sync look again. It is called with mu held, after a change.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait gives mu up until something changes, d has passed or the client has gone; mu is held again when it returns.
func (s *Server) wait(ctx context.Context, d time.Duration) {
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// update takes the next position in the stream of everything that is neither a room event nor a to-device message.
func (s *Server) update() int64 {
	s.now.updates++
	s.wake()
	return s.now.updates
}

// millis is the current time as Matrix writes it.
func (s *Server) millis() int64 { return s.cfg.Now().UnixMilli() }
