package endpoint

import (
	"cmp"
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// While the link is known to be down time stands still for what is under way:
// nothing is repeated, given up or waited for. When it is up again, what was not
// acknowledged is sent at once, and no retransmission is spent on that. The peer's
// memory goes on, though: see outlived.

// While writing fails, a packet is tried from time to time: that costs nothing on
// the link, and a pass of a satellite may be short.
const (
	firstProbe = time.Second
	lastProbe  = time.Minute
)

// outage is a time in which the link is known to be down.
type outage struct {
	on    bool
	told  bool // by SetLink, which also tells its end
	since time.Time
	total time.Duration // of the outages before
	probe time.Time     // when to try again
	pause time.Duration // until the probe after that
}

// linkDown reports whether a write failed because the link is down, or there is no
// way to the peer at present.
func linkDown(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH:
		return true
	}
	return false
}

// SetLink tells the session that its link is down, or up again. While it is down
// nothing is sent and no time passes for retransmissions, for giving up and for
// Request.Patience; contexts of callers go on. A session finds out for itself when
// writing to the connection fails with ENETDOWN, ENETUNREACH, EHOSTDOWN or
// EHOSTUNREACH, and then tries again, after a second and at most each minute.
func (c *Conn) SetLink(up bool) {
	c.mu.Lock()
	if up {
		c.outageOver(time.Now())
	} else {
		c.outageBegins(time.Now())
		c.out.outage.told = true
	}
	c.mu.Unlock()
	c.flush()
}

// outageFound is called when a write failed. c.mu is held.
func (c *Conn) outageFound(now time.Time) {
	o := &c.out.outage
	if !o.on {
		c.outageBegins(now)
		o.pause = firstProbe
	}
	o.probe = now.Add(o.pause)
	o.pause = min(2*o.pause, lastProbe)
}

// outageBegins stops the timers. What they were for waits for the end of the
// outage. c.mu is held.
func (c *Conn) outageBegins(now time.Time) {
	o := &c.out.outage
	if o.on || c.closed() {
		return
	}
	o.on, o.since = true, now
	var stopped []*transmission
	for _, t := range c.outstanding {
		if !t.queued {
			stopped = append(stopped, t)
		}
	}
	c.resend(stopped)
}

// resend queues messages once more, in the order of their last transmissions, for which no
// retransmission is spent. c.mu is held.
func (c *Conn) resend(all []*transmission) {
	slices.SortFunc(all, func(a, b *transmission) int {
		return cmp.Or(a.begins.Compare(b.begins), cmp.Compare(a.mid, b.mid))
	})
	for _, t := range all {
		t.timer.Stop()
		t.resumed = true
		c.repeatLater(t)
	}
}

// outageOver goes on where outageBegins stopped. c.mu is held.
func (c *Conn) outageOver(now time.Time) {
	o := &c.out.outage
	if !o.on {
		return
	}
	lasted := now.Sub(o.since)
	*o = outage{total: o.total + lasted}
	for _, t := range c.outstanding {
		t.first, t.giveUp = t.first.Add(lasted), t.giveUp.Add(lasted)
	}
	for _, d := range c.downloads {
		d.expires = d.expires.Add(lasted)
		c.sweepBefore(d.expires)
	}
	for _, u := range c.uploads {
		u.expires = u.expires.Add(lasted)
		c.sweepBefore(u.expires)
	}
	for _, s := range c.sending {
		s.expires = s.expires.Add(lasted)
	}
	for _, g := range c.gets {
		g.expires = g.expires.Add(lasted)
		c.sweepBefore(g.expires)
	}
	for i := range c.parked {
		c.parked[i].until = c.parked[i].until.Add(lasted)
		c.sweepBefore(c.parked[i].until)
	}
	for i := range c.parkedPuts {
		c.parkedPuts[i].until = c.parkedPuts[i].until.Add(lasted)
		c.sweepBefore(c.parkedPuts[i].until)
	}
}

// outlived reports whether the peer may have forgotten a message because of an
// outage, and would execute again what must not be: peers count on MAX_TRANSMIT_SPAN
// (RFC 7252 §4.8.2). c.mu is held.
func (c *Conn) outlived(t *transmission, now time.Time) bool {
	return t.once && (t.resumed || t.resent) && now.Sub(t.sent) > c.terms().profile.MaxTransmitSpan()
}

// repeatLater queues the retransmission of t. c.mu is held.
func (c *Conn) repeatLater(t *transmission) {
	t.queued = true
	c.enqueue(&packet{kind: trace.Retransmitted, class: t.class, data: t.data, t: t})
}

// wait is how long nothing may be sent, where SetLink has not told of the outage.
func (o *outage) wait(now time.Time) time.Duration {
	if !o.on {
		return 0
	}
	return o.probe.Sub(now)
}

// downtime is for how long the link was known to be down up to now, over the life
// of the session.
func (c *Conn) downtime() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.downtimeLocked()
}

// downtimeLocked is downtime with c.mu held.
func (c *Conn) downtimeLocked() time.Duration {
	o := &c.out.outage
	if o.on {
		return o.total + time.Since(o.since)
	}
	return o.total
}

// revive sends again at once what was repeated in vain since the peer was last heard,
// silent: it was the link that was away. Its backoff would have it wait for as long
// again. So it does with what was repeated towards where the peer is no longer. No
// retransmission is spent on that.
func (c *Conn) revive(silent time.Time) {
	c.mu.Lock()
	var waiting []*transmission
	now := time.Now()
	for _, t := range c.outstanding {
		_, rests := c.rests(t, now)
		missed := !t.begins.Before(silent) && now.Sub(t.begins) > t.timeout>>t.repeated
		if !rests && !t.queued && t.repeated > 0 && (missed || c.hasLeft(t)) {
			waiting = append(waiting, t)
		}
	}
	c.resend(waiting)
	c.mu.Unlock()
	if len(waiting) > 0 {
		c.flush()
	}
}
