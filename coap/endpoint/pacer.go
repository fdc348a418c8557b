package endpoint

import (
	"bytes"
	"context"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// Datagrams leave by one door, in order of priority, and where the rates of the link
// are known no faster than it drains: what waits in front of a modem is out of reach,
// and a queue that overflows loses it.

// maxUnconfirmed bounds the messages that wait to leave though nobody waits for
// them: answers to a peer that asks for more than the link carries. What does not
// fit is lost, and the peer repeats its question.
const maxUnconfirmed = 256

// packet is a datagram that waits to leave.
type packet struct {
	kind  trace.Kind
	class class
	data  []byte
	// t is the confirmable message that data is, nil for any other.
	t *transmission
	// left is closed when the datagram has been handed over; nil if nobody waits.
	left chan struct{}
}

// outbox is what has not left yet.
type outbox struct {
	line    line[*packet]
	writing bool        // somebody hands packets over
	timer   *time.Timer // for the next one
	outage  outage
}

// write sends a message that is not confirmed by the peer.
func (c *Conn) write(kind trace.Kind, data []byte) {
	c.send(&packet{kind: kind, class: class{priority: priorityControl}, data: data})
}

// sendBulk sends one of many messages that are not confirmable, and waits until it
// has been handed to the link: no sooner than what was sent before has left, and
// what has a higher priority. So whoever calls it again at once fills the link, and
// neither its queue nor memory. On a half-duplex link a side sees too late whose turn
// it is: what is sent there without any answer must fit the queue. After an error of
// ctx, and ErrClosed, the message was not sent.
func (c *Conn) sendBulk(ctx context.Context, cl class, kind trace.Kind, data []byte) error {
	p := &packet{kind: kind, class: cl, data: data, left: make(chan struct{})}
	c.send(p)
	var err error
	select {
	case <-p.left:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.ctx.Done():
		err = ErrClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.out.line.remove(p.class, p) {
		return nil // it has left after all
	}
	return err
}

// send hands a packet over, or has it wait its turn.
func (c *Conn) send(p *packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handOver(p)
}

// flush hands over what may leave now.
func (c *Conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handOver(nil)
}

// enqueue has a packet wait until flush. c.mu is held.
func (c *Conn) enqueue(p *packet) {
	if p.t == nil && p.left == nil && (c.out.line.count >= maxUnconfirmed || c.out.holds(p.data)) {
		return
	}
	c.out.line.push(p.class, p)
}

// holds reports whether the same message waits already: the answer to a message
// that was repeated meanwhile.
func (o *outbox) holds(data []byte) bool {
	found := false
	o.line.all(func(p *packet) bool {
		found = bytes.Equal(p.data, data)
		return !found
	})
	return found
}

// handOver hands over p, if that is not nil, and what else may leave now. One
// goroutine does at a time, so that the order holds; what others queue meanwhile it
// takes along. c.mu is held, but not while a packet is written.
func (c *Conn) handOver(p *packet) {
	o := &c.out
	if p != nil && (o.writing || o.line.count > 0 || o.outage.on || c.estimator.wait(time.Now()) > 0) {
		c.enqueue(p)
		p = nil
	}
	if o.writing {
		return
	}
	if p == nil {
		p = c.next()
	}
	o.writing = true
	for ; p != nil; p = c.next() {
		before := c.depart(p)
		probe := o.outage.on
		c.mu.Unlock()
		err := c.put(p, probe)
		c.mu.Lock()
		if linkDown(err) {
			c.takeBack(p, before)
			c.outageFound(time.Now())
			continue
		}
		if probe && !o.outage.told {
			c.outageOver(time.Now())
		}
		if p.left != nil {
			close(p.left)
		}
	}
	o.writing = false
}

// next returns the packet that may leave now. If there is none it sees to it that
// flush is called when there may be one. c.mu is held.
func (c *Conn) next() *packet {
	if c.out.outage.told {
		return nil
	}
	now := time.Now()
	wait := max(c.estimator.wait(now), c.out.outage.wait(now))
	for c.out.line.count > 0 && !c.closed() {
		if wait > 0 {
			c.flushIn(wait)
			return nil
		}
		p, _ := c.out.line.pop()
		switch {
		case p.t == nil:
			return p
		case c.outstanding[p.t.mid] != p.t: // it has become needless
		case c.outlived(p.t, now):
			c.settle(p.t, ErrTimeout)
		default:
			return p
		}
	}
	return nil
}

// flushIn has flush called after that time. c.mu is held.
func (c *Conn) flushIn(wait time.Duration) {
	if c.out.timer == nil {
		c.out.timer = c.after(wait, c.flush)
		return
	}
	c.out.timer.Reset(wait)
}

// state is what depart changes.
type state struct {
	estimator *estimator
	free      time.Time
	t         transmission
}

// depart counts a packet that is handed over now, and starts its timer. It returns
// what was before. c.mu is held.
func (c *Conn) depart(p *packet) (before state) {
	now := time.Now()
	if before.estimator = c.estimator; before.estimator != nil {
		before.free = before.estimator.free
	}
	begins := c.estimator.send(now, len(p.data))
	c.vigil.spoke = now
	c.busy(len(p.data), true)
	withheld := c.withholds(len(p.data))
	switch {
	case p.t != nil:
		c.follow(p.t)
		before.t = *p.t
		p.t.withheld = withheld
		p.t.departs(c, now, begins)
		if withheld && !p.t.unbidden {
			c.checkPath()
		}
	case withheld && p.left == nil:
		c.withhold(p, now)
	}
	return before
}

// takeBack undoes depart: the packet could not leave, and waits again. c.mu is held.
func (c *Conn) takeBack(p *packet, before state) {
	if before.estimator != nil {
		before.estimator.free = before.free
	}
	if p.t != nil {
		p.t.returns(&before.t)
	}
	c.out.line.push(p.class, p)
}

// put writes a datagram. An error is a lost datagram: retransmission deals with it,
// and a connection that broke for good ends the reader.
func (c *Conn) put(p *packet, probe bool) error {
	if !probe {
		c.record(p.kind, p.data)
	}
	_, err := c.nc.Write(p.data)
	if err != nil {
		c.log.Debug("coap: write failed", "err", err)
	}
	if probe && !linkDown(err) {
		c.record(p.kind, p.data)
	}
	return err
}
