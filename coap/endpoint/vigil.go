package endpoint

import (
	"context"
	"errors"
	"time"
)

// A mapping on the way (a NAT) that is forgotten in silence loses what the peer sends
// unasked. So while something is expected from the peer, and only then, silence is broken
// in time. How long a mapping lasts is learnt: the peer sees whether our address has
// changed when it hears us after a silence, and says so in its answer to an inquiry, with
// 2.04 in place of the empty acknowledgement. It costs nothing to ask, since something has
// to be sent.

// Mapping is what is known of how long the mapping of an address lasts in silence.
type Mapping struct {
	// Lasts is the longest silence that it was seen to survive, Dies the shortest that it
	// was not; 0 means that none was seen.
	Lasts, Dies time.Duration
}

// Bounds of a silence that is broken. A profile may tell a shorter one.
const (
	minSilence = 30 * time.Second
	maxSilence = 4 * time.Hour
)

// interval is after what silence to send something, where first is what the profile
// takes for safe. As long as the mapping was never seen to die it is doubled; then halved
// towards the longest that is safe, until little can be gained.
func (m Mapping) interval(first time.Duration) time.Duration {
	switch {
	case m.Lasts == 0 && m.Dies == 0:
		return first
	case m.Dies == 0:
		return min(2*m.Lasts, maxSilence)
	case m.Lasts == 0:
		return max(m.Dies/2, min(first, minSilence))
	case m.Dies-m.Lasts > m.Lasts/8:
		return m.Lasts + (m.Dies-m.Lasts)/2
	}
	return m.Lasts
}

// learn takes what came of a silence.
func (m *Mapping) learn(silence time.Duration, survived bool) {
	switch {
	case survived:
		m.Lasts = max(m.Lasts, silence)
		if m.Dies <= m.Lasts {
			m.Dies = 0 // another way now
		}
	default:
		m.Dies = silence
		if m.Lasts >= m.Dies {
			m.Lasts = 0
		}
	}
}

// vigil sees to it that what is expected can arrive.
type vigil struct {
	mapping Mapping
	timer   *time.Timer // nil before the first use
	on      bool        // the timer runs, or an inquiry is under way
	spoke   time.Time   // when the last datagram was sent
}

// Mapping returns what was learnt of the way to the peer.
func (c *Conn) Mapping() Mapping {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.vigil.mapping
}

// SetMapping takes over what an earlier life has learnt.
func (c *Conn) SetMapping(m Mapping) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.vigil.mapping = m
}

// expected is an exchange for which the peer may send something unasked, nil if there
// is none. c.mu is held.
func (c *Conn) expected() *exchange {
	for _, x := range c.exchanges {
		if x.waiting != nil && x.pending == nil || x.observation != nil && x.observation.established && !x.observation.ended {
			return x
		}
	}
	return nil
}

// watch begins to break silence, where that is needed. c.mu is held.
func (c *Conn) watch() {
	v := &c.vigil
	first := c.terms().profile.KeepAlive
	if first == 0 || c.cfg.Side != SideConstrained || v.on || c.closed() || c.expected() == nil {
		return
	}
	v.on = true
	wait := v.mapping.interval(first) - c.silence(time.Now())
	if v.timer == nil {
		v.timer = c.after(wait, c.breakSilence)
		return
	}
	v.timer.Reset(wait)
}

// silence is how long nothing was sent or heard. c.mu is held.
func (c *Conn) silence(now time.Time) time.Duration {
	last := c.vigil.spoke
	if c.heard.After(last) {
		last = c.heard
	}
	return now.Sub(last)
}

// breakSilence runs when it may have lasted long enough.
func (c *Conn) breakSilence() {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &c.vigil
	v.on = false
	x, silence := c.expected(), c.silence(time.Now())
	switch {
	case c.closed(), x == nil:
		return
	case silence < v.mapping.interval(c.terms().profile.KeepAlive), len(c.outstanding) > 0:
		c.watchIn(max(v.mapping.interval(c.terms().profile.KeepAlive)-silence, minSilence/10))
		return
	}
	v.on = true
	c.start(func() { c.inquire(x.token, silence) })
}

// Moved says that the way to the peer is another one. What was learnt of the former is
// forgotten, an outage is over, and where anything is expected of the peer, it hears at once
// where this end is. That it answers sends again what was repeated in vain. ctx bounds the
// wait for that.
func (c *Conn) Moved(ctx context.Context) {
	c.mu.Lock()
	c.vigil.mapping = Mapping{}
	c.outageOver(time.Now())
	waits := c.expected() != nil || len(c.outstanding) > 0
	c.mu.Unlock()
	c.flush()
	if waits {
		_ = c.Ping(ctx) // in vain where the link is away, which is found out anyway
	}
}

// watchIn looks again after that time. c.mu is held.
func (c *Conn) watchIn(wait time.Duration) {
	c.vigil.on = true
	c.vigil.timer.Reset(wait)
}

// inquire breaks a silence and learns from the answer.
func (c *Conn) inquire(tok token, silence time.Duration) {
	m, known := &Message{Type: Confirmable, Code: Empty}, c.inquires()
	if known {
		m = inquiry(tok)
	}
	result := make(chan error, 1)
	t := &transmission{class: class{priority: priorityControl}, inquires: known, ended: func(err error) { result <- err }}
	err := c.transmit(c.ctx, m, t, nil)
	if err == nil {
		err = <-result
	}
	c.mu.Lock()
	silent := !c.heard.After(t.sent)
	c.mu.Unlock()
	if errors.Is(err, ErrTimeout) && silent && c.cfg.Unanswered != nil {
		c.cfg.Unanswered()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known && err == nil {
		c.vigil.mapping.learn(silence, !t.moved)
	}
	if x := c.exchanges[tok]; err == ErrForgotten && x != nil {
		switch {
		case x.waiting != nil && x.pending == nil:
			x.finish(reply{err: err})
		case x.observation != nil && x.waiting == nil:
			x.observation.finish(err)
			x.endLocked()
		}
	}
	c.vigil.on = false
	c.watch()
}
