package join

import (
	"container/list"
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/txn"
)

// ErrClosed: the Transport was closed while the request waited, or before.
var ErrClosed = errors.New("join: transport closed")

// Transport is an http.RoundTripper that carries requests by another one and joins
// those that are repeated. See the package for which.
//
// A client leaves by cancelling the request's context or closing the body of the
// answer before its end. The exchange then goes on, for Deadline at most.
//
// The exported fields must not change after the first request. Close it before Base.
type Transport struct {
	// Base carries the requests, usually a *coap.Transport. It must heed the
	// contexts of requests.
	Base http.RoundTripper
	// Profile is the link that Base uses; the zero value means link.Default.
	Profile link.Profile
	// MaxKept bounds the bytes of all answers that are held for a client that
	// may come back, with 1 KiB for each beside head and body; 0 means 16 MiB. The
	// oldest go first. One answer may take a quarter of it. A longer one is
	// shared only while it streams, with 256 KiB held or what it had taken by
	// then, and ends with its last client. Requests under way are not counted:
	// those with nobody waiting are 32 at most, each with up to 1 MiB of body.
	MaxKept int

	once sync.Once
	life context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	// linked are the exchanges that can be joined.
	linked map[digest]*exchange
	// reads are those of a user that a write of the user outdates.
	reads map[digest]map[*exchange]struct{}
	// alone are the exchanges that run with nobody there, kept those that have
	// ended, with their answers; both in the order in which the last client left.
	alone []*exchange
	kept  list.List
	held  int
}

func (t *Transport) init() {
	t.once.Do(func() {
		if t.Profile.AckTimeout == 0 {
			t.Profile = link.Default()
		}
		if t.MaxKept == 0 {
			t.MaxKept = defaultMaxKept
		}
		t.life, t.end = context.WithCancel(context.Background())
		t.linked = make(map[digest]*exchange)
		t.reads = make(map[digest]map[*exchange]struct{})
	})
}

// Close ends all exchanges that were started for clients, waits for them and forgets
// what is kept. Requests that join nothing are not affected.
func (t *Transport) Close() error {
	t.init()
	t.mu.Lock()
	t.closed = true
	t.forget(nil)
	t.mu.Unlock()
	t.end()
	t.wg.Wait()
	return nil
}

// RoundTrip implements http.RoundTripper. Errors are those of Base, the request
// context's own, or ErrClosed.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.init()
	user := txn.User(r)
	k := kindOf(r)
	if k == apart {
		return t.apart(r, user)
	}
	content, rest, err := txn.TakeBody(r)
	if err != nil {
		return nil, err
	}
	if rest != nil {
		r = r.WithContext(r.Context()) // a copy
		r.Body = rest
		return t.apart(r, user)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in, err := t.enter(r, user, k, content)
	if err != nil {
		return nil, err
	}
	select {
	case <-in.x.answered:
	case <-in.ctx.Done():
		_ = in.Close()
		return nil, in.ctx.Err()
	}
	if in.x.err != nil {
		_ = in.Close()
		return nil, in.x.err
	}
	return in.x.response(in, r), nil
}

// apart carries a request that is joined with no other.
func (t *Transport) apart(r *http.Request, user digest) (*http.Response, error) {
	resp, err := t.Base.RoundTrip(r)
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if endsSessions(r) {
		t.forget(nil)
	}
	t.learn(user, writes(r.Method), status)
	return resp, err
}

// enter joins an exchange, or begins one.
func (t *Transport) enter(r *http.Request, user digest, k kind, content []byte) (*reader, error) {
	key := keyOf(user, r, content)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	x := t.linked[key]
	if x != nil && !x.running && x.over() { // though a slow client is still reading it
		t.unlink(x)
		x = nil
	}
	if x == nil {
		x = t.begin(r, key, user, k, content)
	}
	t.accompany(x)
	x.callers++
	in := &reader{x: x, ctx: r.Context()}
	x.body.attach(in)
	return in, nil
}
