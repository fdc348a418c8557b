package dtls

import (
	"cmp"
	"slices"
	"time"
)

// Limits are those of a Config that may change while a Listener serves; the same zero values
// and bounds hold.
type Limits struct {
	// MaxSessions, MaxPerIdentity and IdleLifetime are as in Config.
	MaxSessions    int
	MaxPerIdentity int
	IdleLifetime   time.Duration
}

// bounded fills the defaults in.
func (l Limits) bounded() Limits {
	l.MaxSessions = min(cmp.Or(l.MaxSessions, defaultMaxSessions), mostSessions)
	l.IdleLifetime = cmp.Or(l.IdleLifetime, defaultIdleLifetime)
	return l
}

// SetLimits changes the limits. Of the sessions that are too many by then, those idle for
// longest go to the store, or are closed where there is none. An identity that has too many
// keeps them until it opens another or they are idle for too long.
func (l *Listener) SetLimits(limits Limits) {
	l.mu.Lock()
	l.limits = limits.bounded()
	ending := l.surplus()
	l.mu.Unlock()
	l.finish(ending)
	l.populate() // an idle lifetime that is shorter now is not slept through
}

// lifetime is the IdleLifetime at the moment.
func (l *Listener) lifetime() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limits.IdleLifetime
}

// surplus returns how to put the sessions away that are too many.
func (l *Listener) surplus() (ending []func() error) {
	n := len(l.sessions) - l.limits.MaxSessions
	if n <= 0 {
		return nil
	}
	sessions := make([]*Conn, 0, len(l.sessions))
	since := make(map[*Conn]time.Time, len(l.sessions)) // it moves while they are sorted
	for a := range l.sessions {
		sessions = append(sessions, a.session)
		since[a.session] = a.session.idleSince()
	}
	slices.SortFunc(sessions, func(a, b *Conn) int { return since[a].Compare(since[b]) })
	l.stats.displaced.Add(uint64(n))
	for _, c := range sessions[:n] {
		ending = append(ending, c.putAway)
	}
	return ending
}
