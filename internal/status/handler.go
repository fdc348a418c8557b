package status

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// Handler is the page and what belongs to it:
//
//	GET  /             the page
//	GET  /status.json  the same as a View
//	GET  /metrics      Options.Metrics
//	GET  /healthz      200 while the process answers
//	GET  /readyz       200, or 503 while Options.Ready has something to say
//	POST /actions/…    see Actions; only from the page itself
//
// The probes are for everyone; for all else see Options.Token.
type Handler struct {
	o     Options
	mux   *http.ServeMux
	daily daily
	guard guard
	// form is the secret of the forms of the page: without it no action is done.
	form string
}

// New returns a Handler. Run it, so that it knows when a day begins.
func New(o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{o: o, mux: http.NewServeMux(), guard: newGuard(o.Token, o.Hosts), form: rand.Text()}
	h.mux.HandleFunc("GET /{$}", h.page)
	h.mux.HandleFunc("GET /status.json", h.json)
	h.mux.HandleFunc("GET /style.css", asset("web/style.css", "text/css; charset=utf-8"))
	h.mux.HandleFunc("GET /live.js", asset("web/live.js", "text/javascript; charset=utf-8"))
	h.mux.HandleFunc("GET /icon.svg", asset("web/icon.svg", "image/svg+xml"))
	h.mux.HandleFunc("POST /actions/{name}", h.act)
	if o.Metrics != nil {
		h.mux.Handle("GET /metrics", o.Metrics)
	}
	return h
}

// SetToken has another token be asked for from now on, see Options.Token.
func (h *Handler) SetToken(token string) { h.guard.setToken(token) }

// keepEvery is how often the account of the day goes to the store, which may be on a card
// that wears off.
const keepEvery = 10 * time.Minute

// storeKey is where the account of the day is in a store.
const storeKey = "status/today"

// Run keeps the account of the day until ctx ends.
func (h *Handler) Run(ctx context.Context) {
	tick, keep := time.NewTicker(time.Minute), time.NewTicker(keepEvery)
	defer tick.Stop()
	defer keep.Stop()
	h.restore()
	defer h.keep()
	for {
		h.today(h.now(), h.o.Status())
		select {
		case <-tick.C:
		case <-keep.C:
			h.keep()
		case <-ctx.Done():
			return
		}
	}
}

// restore goes on with the day of an earlier process.
func (h *Handler) restore() {
	if h.o.Store == nil {
		return
	}
	stored, err := h.o.Store.Load(storeKey)
	if err == nil && stored != nil {
		err = h.daily.restore(stored, h.now())
	}
	if err != nil {
		h.o.Log.Warn("the status page begins its day anew", "error", err)
	}
}

// keep stores the day so far.
func (h *Handler) keep() {
	if h.o.Store == nil {
		return
	}
	day, err := h.daily.keep(h.now(), h.accountOf(h.o.Status()))
	if err == nil {
		err = h.o.Store.Commit(map[string][]byte{storeKey: day})
	}
	if err != nil {
		h.o.Log.Warn("the account of the day is not stored", "error", err)
	}
}

func (h *Handler) now() time.Time {
	if h.o.Now != nil {
		return h.o.Now()
	}
	return time.Now()
}

// policy lets the page have its own style, script and requests, and nothing else
// (https://www.w3.org/TR/CSP3/).
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      policy,
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cache-Control":                "no-store",
	} {
		w.Header().Set(name, value)
	}
	switch r.URL.Path { // they tell nothing that a connection does not
	case "/healthz":
		answer(w, http.StatusOK, "ok")
		return
	case "/readyz":
		h.ready(w, r)
		return
	}
	if !h.guard.admits(w, r) {
		return
	}
	h.mux.ServeHTTP(w, r)
}

func (h *Handler) ready(w http.ResponseWriter, r *http.Request) {
	if h.o.Ready != nil && h.o.Ready(r.Context()) != nil {
		answer(w, http.StatusServiceUnavailable, "not ready")
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

func (h *Handler) json(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(h.view(r.Context())) // who does not read it does not want it
}
