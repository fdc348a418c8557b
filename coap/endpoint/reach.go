package endpoint

import (
	"context"
	"errors"
)

// A peer whose address has changed may not be where its datagrams seem to come from:
// somebody on the way may have sent one on under another address, so that ours would
// flood a stranger (RFC 9146 §6). Before it gets more there than it has sent, it shows
// that it receives: any acknowledgement or reset shows it, if all transmissions of what
// it answers went there and nowhere else. Where nothing of that kind is under way and
// something large is to be sent, a ping is (RFC 7252 §4.3): 4 bytes each way, which
// every peer answers, and no request has to be made or executed again.

// Paths is what the layer below tells of where the peer is.
type Paths interface {
	// PathState returns the ID of the path, which changes with each change of the peer's
	// address, and whether the peer has shown that it receives there. If it has not, room
	// is how large a message may be that goes there now, in bytes.
	PathState() (id uint32, room int, verified bool)
	// PathVerified says that the peer has answered what was sent only on that path.
	PathVerified(id uint32) bool
}

// maxPathChecks bounds how often a peer is asked that keeps moving: each answer to the
// question may come from elsewhere, and would have it asked again, for ever. It is asked anew
// when it sends something of its own accord.
const maxPathChecks = 3

// follow notes on which path t is sent. The path may change before it leaves; then its
// ID is no longer that of the path, and nothing is verified. c.mu is held.
func (c *Conn) follow(t *transmission) {
	if c.cfg.Paths == nil {
		return
	}
	id, _, _ := c.cfg.Paths.PathState()
	t.strayed = t.strayed || !t.sent.IsZero() && t.path != id
	t.path = id
}

// hasLeft reports whether the peer is no longer where t was sent last. c.mu is held.
func (c *Conn) hasLeft(t *transmission) bool { return c.cfg.Paths != nil && t.path != c.pathID() }

// showed takes note that the peer has answered t. c.mu is held.
func (c *Conn) showed(t *transmission) {
	if c.cfg.Paths == nil || t.strayed {
		return
	}
	if _, _, verified := c.cfg.Paths.PathState(); !verified {
		c.cfg.Paths.PathVerified(t.path)
	}
}

// reach waits until a message of that many bytes may go to where the peer is; more says
// that others follow it. When the peer does not answer it returns all the same, and what
// the layer below then keeps back is sent when it may be (see release).
func (c *Conn) reach(ctx context.Context, bytes int, more bool) {
	if c.cfg.Paths == nil {
		return
	}
	_, room, verified := c.cfg.Paths.PathState()
	if verified || bytes <= room && !more {
		return
	}
	c.ask(ctx)
}

// ProvePath asks the peer whether it receives where it is now, if that is not known, and
// returns when it has answered or will not, or ctx ends. It is for who is to send something
// much later to a peer that waits in silence.
func (c *Conn) ProvePath(ctx context.Context) {
	if c.cfg.Paths == nil {
		return
	}
	if _, _, verified := c.cfg.Paths.PathState(); verified {
		return
	}
	c.ask(ctx)
}

// ask has the path checked and waits until that is over or ctx ends.
func (c *Conn) ask(ctx context.Context) {
	c.mu.Lock()
	checked := c.checkPath()
	c.mu.Unlock()
	select {
	case <-checked:
	case <-ctx.Done():
	}
}

// pathCheck is the question whether the peer receives where it is.
type pathCheck struct {
	// over is closed when it has answered, or will not.
	over chan struct{}
	// ping is the message that asks, nil before the first one.
	ping *transmission
}

// errMoved: the peer was asked where it is no longer.
var errMoved = errors.New("coap: the peer has moved")

// checkPath asks the peer whether it receives where it is, unless that is under way. The
// channel is closed when it has answered, or will not. c.mu is held.
func (c *Conn) checkPath() <-chan struct{} {
	if check := c.pathCheck; check != nil {
		if p := check.ping; p != nil && p.timer != nil && c.hasLeft(p) {
			c.settle(p, errMoved)
		}
		return check.over
	}
	check := &pathCheck{over: make(chan struct{})}
	if c.closed() || c.strays >= maxPathChecks {
		close(check.over)
		return check.over
	}
	c.pathCheck = check
	c.start(func() {
		for again := true; again; {
			again = c.ping(check)
			c.mu.Lock()
			if again {
				c.strays++
				again = c.strays < maxPathChecks
			}
			if !again {
				c.pathCheck = nil
			}
			c.mu.Unlock()
		}
		close(check.over)
	})
	return check.over
}

// ping asks once. It reports true when the peer receives, but elsewhere: it has moved, or
// the question went to two places.
func (c *Conn) ping(check *pathCheck) (again bool) {
	result := make(chan error, 1)
	// What it would wait for may be kept back until it is answered.
	t := &transmission{class: class{priority: priorityControl}, unbidden: true, ended: func(err error) { result <- err }}
	err := c.transmit(c.ctx, &Message{Type: Confirmable, Code: Empty}, t, func() { check.ping = t })
	if err == nil {
		err = <-result
	}
	var rejected *ResetError
	if err != nil && !errors.As(err, &rejected) && !errors.Is(err, errMoved) {
		c.log.Debug("coap: the peer's path was not verified", "err", err)
		return false
	}
	_, _, verified := c.cfg.Paths.PathState()
	return !verified
}

// datagram is the size of the first message of a response, in bytes.
func (b *begunBody) datagram(opts Options, tokenLen int) int {
	return headerLen + tokenLen + opts.EncodedSize() + 1 + len(b.first)
}
