//go:build cgo

package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	gw "github.com/coapgw/coapgw/client"
)

// carrier is what clib needs of a *client.Client.
type carrier interface {
	http.RoundTripper
	Suspend() error
	Resume()
	NetworkChanged()
	Close() error
	Follow(context.Context, gw.Stream, func(gw.Event) error) error
}

// client is what a coapgw_client stands for.
type client struct {
	carrier carrier
	// state is the file of sessions, nil for none.
	state io.Closer
	// maxBody bounds an answer, in bytes.
	maxBody int64

	// life ends, with errClosed, when the client is closed.
	life context.Context
	end  context.CancelCauseFunc
	// users are calls and observations under way.
	users sync.WaitGroup

	// turn is held by what puts the client to sleep or wakes it.
	turn sync.Mutex

	mu sync.Mutex
	// calls are the requests under way.
	calls map[*call]struct{}
	// awake is closed while the client is not suspended.
	awake chan struct{}
}

// call is a request under way.
type call struct {
	tag uint64
	end context.CancelCauseFunc
}

func newClient(over carrier, state io.Closer, maxBody int64) *client {
	c := &client{carrier: over, state: state, maxBody: maxBody, calls: make(map[*call]struct{}), awake: make(chan struct{})}
	close(c.awake)
	c.life, c.end = context.WithCancelCause(context.Background())
	return c
}

// close ends what is under way and waits for it. Nobody may find c any more.
func (c *client) close() error {
	c.end(errClosed)
	err := c.carrier.Close() // which ends what does not look at its context
	c.users.Wait()
	if c.state != nil {
		if closed := c.state.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		return stateFailure(err)
	}
	return nil
}

// answer is a coapgw_response.
type answer struct {
	status      int
	form        format
	contentType string
	body        []byte
	header      http.Header
}

// exchange makes a request that was checked. ctx ends it, with a cause.
func (c *client) exchange(ctx context.Context, q *request) (*answer, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if q.timeout > 0 {
		timer := time.AfterFunc(q.timeout, func() { end(errOvertime) })
		defer timer.Stop()
	}
	own := &call{q.tag, end}
	if err := c.begin(own); err != nil {
		return nil, err
	}
	defer c.finish(own)
	r, err := q.http(ctx)
	if err != nil {
		return nil, err
	}
	a, err := c.carry(r)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, failureOf(err)
	}
	return a, nil
}

func (c *client) begin(own *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asleep() {
		return errSuspended
	}
	c.calls[own] = struct{}{}
	return nil
}

func (c *client) finish(own *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, own)
}

// carry makes a request and reads its answer.
func (c *client) carry(r *http.Request) (*answer, error) {
	resp, err := c.carrier.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > c.maxBody {
		return nil, &failure{code: codeTooLarge, message: "the body of the answer is longer than max_body"}
	}
	return &answer{status: resp.StatusCode, contentType: resp.Header.Get("Content-Type"), body: body, header: resp.Header}, nil
}

// cancel ends the requests under way with a tag and returns how many there are.
func (c *client) cancel(tag uint64) (n uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for of := range c.calls {
		if of.tag == tag {
			of.end(errCanceled)
			n++
		}
	}
	return n
}

// asleep reports whether the client is suspended. c.mu is held.
func (c *client) asleep() bool {
	select {
	case <-c.awake:
		return false
	default:
		return true
	}
}

// suspend ends the requests under way and lets go of the network.
func (c *client) suspend() error {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.sleep()
	if err := c.carrier.Suspend(); err != nil {
		return stateFailure(err)
	}
	return nil
}

func (c *client) sleep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asleep() {
		return
	}
	c.awake = make(chan struct{})
	for of := range c.calls {
		of.end(errSuspended)
	}
}

// resume undoes suspend.
func (c *client) resume() {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.carrier.Resume()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asleep() {
		close(c.awake)
	}
}

// woken is closed while the client is not suspended.
func (c *client) woken() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.awake
}
