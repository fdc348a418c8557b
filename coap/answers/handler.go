package answers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/txn"
)

// Handler is an http.Handler in front of another, usually before the way to a homeserver
// and behind coap.Server. A PUT with a transaction id, and an access token or a peer that
// has proved who it is, is executed by Next unless Book has its answer, one at a time where several are the same; the answer
// is durable before it is given to the peer. All other requests pass through.
//
// The exported fields must not change after the first request.
type Handler struct {
	// Next executes requests.
	Next http.Handler
	// Book keeps the answers; it is open.
	Book *Book
	// Linger is how long Next may go on with a transaction when the peer has given up or
	// the server stops: a homeserver that is executing it may be about to say so, and the
	// answer is wanted when the peer asks again. 0 means 10 seconds.
	Linger time.Duration
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger

	mu sync.Mutex
	// running are the transactions that are being executed; each channel is closed when
	// its transaction is over.
	running map[txn.Digest]chan struct{}
}

const defaultLinger = 10 * time.Second

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, ok := txn.Of(r); !ok || !hasUser(r) {
		h.apart(w, r)
		return
	}
	body, rest, err := txn.TakeBody(r)
	switch {
	case err != nil:
		rest = io.NopCloser(failing{err})
		fallthrough
	case rest != nil:
		r = r.WithContext(r.Context()) // a copy
		r.Body = rest
		h.Next.ServeHTTP(w, r)
		return
	}
	user := userOf(r)
	key := txn.Key(user, r, body)
	if !h.claim(r.Context(), key) {
		refuse(w, "the same request is being executed")
		return
	}
	defer h.release(key)
	if a, _, ok := h.Book.Find(key); ok {
		a.write(w)
		return
	}
	h.execute(w, r, body, key, user)
}

// execute lets Next execute a transaction that has no answer yet.
func (h *Handler) execute(w http.ResponseWriter, r *http.Request, body []byte, key, user txn.Digest) {
	ctx, cancel := h.linger(r.Context())
	defer cancel()
	r = r.WithContext(ctx)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	held := &holder{w: w, header: make(http.Header)}
	h.Next.ServeHTTP(held, r)
	a, whole := held.answer()
	var err error
	switch {
	case whole && a.Status >= 200 && a.Status < 300:
		err = h.Book.Keep(key, user, a, nil)
	case a.Status == http.StatusUnauthorized:
		err = h.Book.Forget(user)
	}
	if err != nil { // the homeserver's own memory has to do
		h.log().Error("an answer was not stored", "error", err)
	}
	held.release()
}

// apart passes on a request that is no transaction.
func (h *Handler) apart(w http.ResponseWriter, r *http.Request) {
	if !txn.LogsOut(r) {
		h.Next.ServeHTTP(w, r)
		return
	}
	user := userOf(r)
	held := &holder{w: w, header: make(http.Header)}
	h.Next.ServeHTTP(held, r)
	if a, _ := held.answer(); a.Status >= 200 && a.Status < 300 {
		if err := h.Book.Forget(user); err != nil {
			h.log().Error("answers were not forgotten", "error", err)
		}
	}
	held.release()
}

// userOf names the user of a request that came over the link.
func userOf(r *http.Request) txn.Digest {
	peer, _ := coap.PeerFrom(r.Context())
	return ofPeer(txn.User(r), peer.Identity)
}

// hasUser reports whether anything tells whose request it is. On a link without tokens the
// peer does.
func hasUser(r *http.Request) bool {
	peer, _ := coap.PeerFrom(r.Context())
	return txn.Authorized(r) || peer.Identity != ""
}

// ofPeer is a user in the hands of a peer: a token that another peer shows as well is no
// reason to tell him anything.
func ofPeer(user txn.Digest, identity string) txn.Digest {
	return sha256.Sum256(txn.AppendField(user[:], identity))
}

// linger returns a context that ends Linger after ctx.
func (h *Handler) linger(ctx context.Context) (context.Context, context.CancelFunc) {
	linger := h.Linger
	if linger == 0 {
		linger = defaultLinger
	}
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var mu sync.Mutex
	var timer *time.Timer
	over := false
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			timer = time.AfterFunc(linger, cancel)
		}
	})
	return longer, func() {
		stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
		if timer != nil {
			timer.Stop()
		}
		cancel()
	}
}

// claim waits until no other request of this key is being executed. It reports false when
// ctx ends before.
func (h *Handler) claim(ctx context.Context, key txn.Digest) bool {
	for {
		h.mu.Lock()
		other, busy := h.running[key]
		if !busy {
			if h.running == nil {
				h.running = make(map[txn.Digest]chan struct{})
			}
			h.running[key] = make(chan struct{})
			h.mu.Unlock()
			return true
		}
		h.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return false
		}
	}
}

func (h *Handler) release(key txn.Digest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.running[key])
	delete(h.running, key)
}

func (h *Handler) log() *slog.Logger {
	if h.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return h.Log
}

// refuse tells a peer to come again.
func refuse(w http.ResponseWriter, message string) {
	e := &coap.Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: message}
	Answer{Status: e.Status, ContentType: "application/json", Body: e.Body()}.write(w)
}

// failing is a body that broke off.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }
