package client

import (
	"context"

	"github.com/coapgw/coapgw/coap"
)

// awake returns the transport to use now.
func (c *Client) awake() (*coap.Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, ErrClosed
	case c.transport == nil:
		return nil, ErrSuspended
	}
	return c.transport, nil
}

// sleeping returns a channel that is closed when the sleep ends, or the Client.
func (c *Client) sleeping() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.woken
}

// ended returns why a request failed that t carried.
func (c *Client) ended(t *coap.Transport, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.transport != t:
		return ErrSuspended
	}
	return err
}

// Suspend readies the device for sleep: it closes the socket and ends all timers, without a
// word on the link, and keeps the session. What is under way fails with ErrSuspended, bodies
// that are being read too. It returns when all of that is done.
func (c *Client) Suspend() error {
	return c.stop(false)
}

// Resume ends the sleep. The next request goes on with the session, without a handshake.
func (c *Client) Resume() {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transport == nil && !c.closed {
		c.transport = c.newTransport()
		close(c.woken)
	}
}

// Close ends the Client and waits for everything that it started. With a Store the session
// stays there for the next one.
func (c *Client) Close() error {
	return c.stop(true)
}

// stop ends the transport.
func (c *Client) stop(forGood bool) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	t, moving := c.transport, c.moving
	c.transport, c.moving = nil, nil
	if t != nil {
		c.woken = make(chan struct{})
	}
	if forGood && !c.closed {
		c.closed = true
		close(c.woken)
	}
	c.mu.Unlock()
	if moving != nil {
		moving()
	}
	c.work.Wait()
	if c.syncer != nil {
		if forGood {
			_ = c.syncer.Close() // which returns nil
		} else if t != nil {
			c.syncer.Suspend(ErrSuspended)
		}
	}
	if t == nil {
		return nil
	}
	heard := t.Status() // which a closed transport does not tell
	err := t.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before.hear(heard)
	c.before.count(t.Status())
	return err
}

// NetworkChanged says that the device is in another network: the session goes on over a new
// socket, without a handshake (RFC 9146), and the server hears at once where to send what is
// awaited. It does not wait for that.
func (c *Client) NetworkChanged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transport == nil {
		return
	}
	if c.moving != nil {
		c.moving() // the network before is gone, too
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.moving = cancel
	t := c.transport
	c.work.Go(func() {
		defer cancel()
		if err := c.dialer.Move(ctx); err != nil {
			if ctx.Err() == nil {
				c.options.Log.Warn("the session stays with its socket", "err", err)
			}
			return
		}
		t.NetworkChanged()
	})
}
