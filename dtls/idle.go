package dtls

import (
	"maps"
	"slices"
	"time"
)

// reap closes sessions that were idle for too long. It sleeps while there are
// none.
func (l *Listener) reap() {
	every := max(min(l.cfg.IdleLifetime, addressLifetime)/8, time.Second)
	var tick <-chan time.Time
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.populated:
			if tick == nil {
				tick = time.After(every)
			}
		case now := <-tick:
			tick = nil
			if l.closeIdle(now) {
				tick = time.After(every)
			}
			l.expire()
		}
	}
}

// closeIdle reports whether sessions remain.
func (l *Listener) closeIdle(now time.Time) bool {
	var idle []*Conn
	l.mu.Lock()
	remain := len(l.sessions) + len(l.stored)
	for a := range l.sessions {
		lifetime := l.cfg.IdleLifetime
		if !a.session.withCID() {
			lifetime = min(lifetime, addressLifetime)
		}
		if now.Sub(a.session.idleSince()) >= lifetime {
			idle = append(idle, a.session)
		}
	}
	l.mu.Unlock()
	for _, c := range idle {
		if err := c.drop(); err != nil {
			l.cfg.log().Error("dtls: session not put away", "error", err)
		}
	}
	return remain > len(idle)
}

// populate wakes the reaper.
func (l *Listener) populate() {
	select {
	case l.populated <- struct{}{}:
	default:
	}
}

// expire deletes stored sessions whose lifetime is over.
func (l *Listener) expire() {
	l.mu.Lock()
	stored := slices.Collect(maps.Keys(l.stored))
	l.mu.Unlock()
	for _, id := range stored {
		if c, err := l.place(id).counters(); err != nil || time.Since(c.used) <= l.cfg.IdleLifetime {
			continue
		}
		l.mu.Lock()
		if _, ok := l.stored[id]; !ok {
			l.mu.Unlock()
			continue
		}
		a := l.claim(id)
		l.mu.Unlock()
		l.wake(a) // finds the session unwelcome
	}
}
