package dtls

import (
	"errors"
	"net"
	"time"
)

// reap closes sessions that were idle for too long. It sleeps while there are
// none.
func (l *Listener) reap() {
	var (
		tick  <-chan time.Time
		every time.Duration // until tick
	)
	wait := func() {
		if e := max(min(l.lifetime(), addressLifetime)/8, time.Second); tick == nil || e < every {
			tick, every = time.After(e), e
		}
	}
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.populated:
			wait()
		case now := <-tick:
			tick = nil
			if l.closeIdle(now) {
				wait()
			}
			l.expire(now)
		}
	}
}

// usesStored is how many times in an idle lifetime the store learns, at the least, that
// a session is in use.
const usesStored = 4

// closeIdle also has the store know which sessions are in use. It reports whether
// sessions remain.
func (l *Listener) closeIdle(now time.Time) bool {
	var idle, used []*Conn
	l.mu.Lock()
	longest := l.limits.IdleLifetime
	remain := len(l.sessions) + len(l.stored)
	for a := range l.sessions {
		lifetime := longest
		if !a.session.withCID() {
			lifetime = min(lifetime, addressLifetime)
		}
		switch unused := now.Sub(a.session.idleSince()); {
		case unused >= lifetime:
			idle = append(idle, a.session)
		case unused < lifetime/usesStored && a.session.Durable():
			used = append(used, a.session)
		}
	}
	l.mu.Unlock()
	for _, c := range idle {
		if err := c.drop(); err != nil {
			l.cfg.log().Error("dtls: session not put away", "error", err)
		}
	}
	for _, c := range used {
		if l.ctx.Err() != nil {
			break
		}
		if err := c.numbers.refresh(longest / usesStored); err != nil && !errors.Is(err, net.ErrClosed) {
			l.cfg.log().Error("dtls: the use of a session is not stored", "error", err)
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
