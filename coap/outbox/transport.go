package outbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/answers"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
)

// ErrClosed: the Transport was closed while the request waited, or before. What was
// accepted is in the store.
var ErrClosed = errors.New("outbox: transport closed")

// Transport is an http.RoundTripper that queues messages. See the package for which.
//
// The exported fields must not change after Start. Close it before Base.
type Transport struct {
	// Base carries the requests: a *coap.Transport, or a *join.Transport in front of one.
	// It must heed the contexts of requests and give up by itself when the link does not
	// answer. An error of it other than a *coap.Error with a status below 500 means that
	// the link is away.
	Base http.RoundTripper
	// Store keeps requests and answers, under keys that begin with "outbox/". Access
	// tokens are in it, as long as a request waits.
	Store session.Store
	// Profile is the link that Base uses; the zero value means link.Default. The pauses
	// between tries follow from it.
	Profile link.Profile
	// MaxItems bounds the requests that wait, 0 means 1000; MaxBytes what they take in the
	// store, 0 means 16 MiB. What is more is answered 503 at once.
	MaxItems, MaxBytes int
	// MaxAnswers bounds the answers that are kept for clients that come again, 0 means
	// 10,000; MaxAnswerBytes what they take in the store, 0 means 16 MiB.
	MaxAnswers, MaxAnswerBytes int
	// MaxAge is how long a request waits, and an answer is kept; 0 means 30 days.
	MaxAge time.Duration
	// NoTokens is for a link on which no request bears an access token: they are all one
	// user's. Elsewhere a request without one passes through.
	NoTokens bool
	// Hold is how long a client is held before it is told to come again, for clients that
	// are known to give up soon after; 0 means as long as the client waits.
	Hold time.Duration
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger

	once    sync.Once
	err     error // of Start
	life    context.Context
	end     context.CancelFunc
	wg      sync.WaitGroup
	wake    chan struct{} // tells the dispatcher that something has changed
	answers *answers.Book

	mu     sync.Mutex
	closed bool
	// items are those that wait, in order.
	items []*item
	byKey map[txn.Digest]*item
	bytes int
	last  uint64 // number
	// paused are users whom the homeserver told to wait, and until when.
	paused  map[txn.Digest]time.Time
	sending int
	way     way
}

const (
	defaultMaxItems = 1000
	defaultMaxBytes = 16 << 20
	defaultMaxAge   = 30 * 24 * time.Hour
)

// Start reads what an earlier life has left in the store and begins to send it. RoundTrip
// calls it if nobody has. It fails when the store cannot be read; the Transport is then of
// no use.
func (t *Transport) Start() error {
	t.once.Do(func() {
		if t.Profile.AckTimeout == 0 {
			t.Profile = link.Default()
		}
		if t.MaxItems == 0 {
			t.MaxItems = defaultMaxItems
		}
		if t.MaxBytes == 0 {
			t.MaxBytes = defaultMaxBytes
		}
		if t.MaxAge == 0 {
			t.MaxAge = defaultMaxAge
		}
		if t.Log == nil {
			t.Log = slog.New(slog.DiscardHandler)
		}
		t.life, t.end = context.WithCancel(context.Background())
		t.wake = make(chan struct{}, 1)
		t.byKey = make(map[txn.Digest]*item)
		t.paused = make(map[txn.Digest]time.Time)
		t.answers = &answers.Book{
			Store: t.Store, Prefix: answerPrefix,
			MaxCount: t.MaxAnswers, MaxBytes: t.MaxAnswerBytes, MaxAge: t.MaxAge,
		}
		if t.err = t.load(); t.err == nil {
			t.wg.Go(t.dispatch)
		}
	})
	return t.err
}

// Close ends what is being sent and waits for it. Clients that wait get ErrClosed; the
// next life goes on where this one has ended.
func (t *Transport) Close() error {
	_ = t.Start() // so that there is something to end
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.end()
	t.wg.Wait()
	return nil
}

// RoundTrip implements http.RoundTripper. For requests that pass through, errors are those
// of Base. For others they are *coap.Error where Base refused the request or the store does
// not work, the request context's own, ErrClosed, or that of Start.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.Start(); err != nil {
		return nil, err
	}
	what, ok := txn.Of(r)
	if !ok || !t.NoTokens && !txn.Authorized(r) {
		return t.apart(r)
	}
	body, rest, err := txn.TakeBody(r)
	if err != nil {
		return nil, err
	}
	l, ok := letterOf(r, body, time.Now())
	if rest == nil && !ok {
		rest = io.NopCloser(bytes.NewReader(body))
	}
	if rest != nil {
		r = r.WithContext(r.Context()) // a copy
		r.Body = rest
		return t.apart(r)
	}
	it, resp, err := t.enter(r, what, l)
	if it == nil || err != nil {
		return resp, err
	}
	return t.wait(r, it)
}

// apart passes a request through.
func (t *Transport) apart(r *http.Request) (*http.Response, error) {
	resp, err := t.Base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	t.LinkWorks()
	if resp.StatusCode >= 200 && resp.StatusCode < 300 && txn.LogsOut(r) {
		t.leaveAll(txn.User(r), outcome{answer: loggedOut()})
	}
	return resp, nil
}

// enter finds a request in the queue or among the answers, or puts it into the queue. With
// a nil item, there is a response or an error already.
func (t *Transport) enter(r *http.Request, what txn.Transaction, l letter) (*item, *http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, nil, err
	}
	value := l.encode()
	fresh := newItem(0, r, what, l, len(value))
	for {
		t.mu.Lock()
		switch it := t.byKey[fresh.key]; {
		case t.closed:
			t.mu.Unlock()
			return nil, nil, ErrClosed
		case it != nil:
			t.mu.Unlock()
			return it, nil, nil
		case t.answers.Has(fresh.key):
			t.mu.Unlock()
			if a, ok := t.kept(fresh.key); ok {
				return nil, a.Response(r), nil
			}
			continue // it was too old or damaged, and is there no more
		case len(t.items) >= t.MaxItems || t.bytes+fresh.size > t.MaxBytes:
			after := t.patience(time.Time{})
			t.mu.Unlock()
			return nil, comeAgain(r, "too many messages wait for the link", after), nil
		}
		t.add(fresh)
		t.mu.Unlock()
		return fresh, nil, t.store(fresh, value)
	}
}

// kept returns the answer to a request. One that says that nothing was done serves once,
// and soon: the client may send the same again when it has put right what was wrong.
func (t *Transport) kept(key txn.Digest) (answers.Answer, bool) {
	a, age, ok := t.answers.Find(key)
	if !ok || executed(a.Status) {
		return a, ok
	}
	t.drop(key)
	return a, age < refusalAge
}

// wait holds a client until its request has left the queue.
func (t *Transport) wait(r *http.Request, it *item) (*http.Response, error) {
	var hold <-chan time.Time
	if t.Hold > 0 {
		timer := time.NewTimer(t.Hold)
		defer timer.Stop()
		hold = timer.C
	}
	select {
	case <-it.over:
	case <-hold:
		t.mu.Lock()
		after := t.patience(it.retryAt)
		t.mu.Unlock()
		return comeAgain(r, "the message waits for the link and will be sent; ask again with the same transaction id", after), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-t.life.Done():
		return nil, ErrClosed
	}
	if it.outcome.err != nil {
		return nil, it.outcome.err
	}
	if !executed(it.outcome.answer.Status) {
		t.drop(it.key)
	}
	return it.outcome.answer.Response(r), nil
}

// drop forgets an answer that a client has.
func (t *Transport) drop(key txn.Digest) {
	if err := t.answers.Drop(key); err != nil {
		t.Log.Error("an answer was not forgotten", "error", err)
	}
}

// LinkWorks says that something has crossed the link, so that what waits for it need not
// wait any longer. RoundTrip calls it for each answer; a program that sees the link return
// by other means may too.
func (t *Transport) LinkWorks() {
	t.mu.Lock()
	defer t.mu.Unlock()
	away := t.way.away
	if t.way.worked(time.Now()); away {
		t.poke()
	}
}

// poke wakes the dispatcher.
func (t *Transport) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// internal is the error of a request that this gateway itself cannot handle now.
func internal(message string, err error) *coap.Error {
	return &coap.Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: message, Err: err}
}
