package dtls

import "time"

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
			l.expire(now)
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
