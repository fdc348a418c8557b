package join

import (
	"bytes"
	"container/list"
	"context"
	"io"
	"net/http"
	"time"
)

// exchange is one request on its way and its answer. It belongs to none of the
// clients that wait for it.
type exchange struct {
	t      *Transport
	key    digest
	user   digest
	kind   kind
	ctx    context.Context
	cancel context.CancelFunc

	answered chan struct{} // closed when the answer's head, or err, is there
	head     *http.Response
	err      error
	body     body

	// Guarded by t.mu:

	// callers counts the clients that wait or read.
	callers int
	running bool
	// linked: the next identical request joins.
	linked bool
	// held are the bytes for which the exchange stands in t.held.
	held int
	// place is that in t.kept, nil for none.
	place *list.Element
	// patience is how long the exchange may run with nobody there.
	patience time.Duration
	// until is when to let go of the answer, or of an exchange with nobody there;
	// timer does so. It is nil while somebody is there.
	until time.Time
	timer *time.Timer
}

// begin starts an exchange. t.mu is held.
func (t *Transport) begin(r *http.Request, key, user digest, k kind, content []byte) *exchange {
	x := &exchange{
		t: t, key: key, user: user, kind: k,
		answered: make(chan struct{}), running: true, linked: true,
		patience: Deadline(t.Profile, int64(len(content))),
	}
	x.ctx, x.cancel = context.WithCancel(t.life)
	t.link(x)
	out := outgoing(x.ctx, r, content)
	t.wg.Go(func() { x.run(t.Base, out) })
	return x
}

// run makes the exchange.
func (x *exchange) run(base http.RoundTripper, r *http.Request) {
	defer x.cancel()
	resp, err := base.RoundTrip(r)
	x.t.answer(x, resp, err)
	if err != nil {
		return
	}
	err = x.body.fill(x.ctx, resp.Body, resp.ContentLength, func(bytes int) bool { return x.t.grow(x, bytes) })
	_ = resp.Body.Close()
	// In this order: who has read the answer to its end finds it kept.
	x.t.finish(x, err == nil && keepable(resp.StatusCode))
	x.body.end(err)
}

// answer passes on what Base returned.
func (t *Transport) answer(x *exchange, resp *http.Response, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	status := 0
	if err == nil {
		status = resp.StatusCode
		head := *resp
		head.Body, head.Request, head.Trailer = nil, nil, nil
		x.head = &head
	} else {
		x.err = err
		if t.closed {
			x.err = ErrClosed
		}
		x.running = false
		t.unlink(x) // the next one tries again
	}
	t.learn(x.user, x.kind == transaction, status)
	close(x.answered)
}

// finish ends an exchange; keep says that the answer is whole and holds for a retry.
func (t *Transport) finish(x *exchange, keep bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accompany(x)
	x.running = false
	if !keep || !x.linked {
		t.unlink(x)
		return
	}
	x.until = time.Now().Add(Keep(t.Profile))
	if x.callers == 0 {
		t.keep(x)
	}
}

// response is the answer for one client, who may change it.
func (x *exchange) response(r *reader, req *http.Request) *http.Response {
	resp := *x.head
	resp.Header = x.head.Header.Clone()
	resp.Body = r
	resp.Request = req
	return &resp
}

// outgoing is the request of an exchange: a copy, for the client may use its own
// again when it has gone.
func outgoing(ctx context.Context, r *http.Request, body []byte) *http.Request {
	out := r.Clone(ctx)
	out.Body, out.GetBody, out.ContentLength, out.TransferEncoding = nil, nil, int64(len(body)), nil
	if len(body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	return out
}
