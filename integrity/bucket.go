package integrity

import "time"

// bucket limits a rate: at most one second's worth at once.
type bucket struct {
	perSecond float64
	spent     float64
	at        time.Time
}

// take asks for one.
func (b *bucket) take(now time.Time) bool {
	b.spent = max(0, b.spent-now.Sub(b.at).Seconds()*b.perSecond)
	b.at = now
	if b.spent+1 > b.perSecond {
		return false
	}
	b.spent++
	return true
}
