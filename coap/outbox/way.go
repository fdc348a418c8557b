package outbox

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// way is what is known of the link: whether it works, and when to find out again. While it
// does not, one request at a time is a probe, after pauses that double.
type way struct {
	away bool
	// failedAt is when it was last found away, workedAt when something last crossed it.
	failedAt, workedAt time.Time
	// strikes counts probes since then.
	strikes int
	// probeAt is when the next probe may go, while it is away.
	probeAt time.Time
	// probing: one is on its way.
	probing bool
}

// worked says that something has crossed the link.
func (w *way) worked(now time.Time) {
	w.workedAt = now
	w.away, w.strikes = false, 0
}

// failed says that a try which began at begun found the link away. It reports false when
// something crossed the link meanwhile, so that the request itself is to blame.
func (w *way) failed(begun, now time.Time, pause func(strikes int) time.Duration) bool {
	if w.workedAt.After(begun) {
		return false
	}
	if !w.away || !begun.Before(w.failedAt) { // else it began before the link was found away
		w.failedAt = now
		w.probeAt = now.Add(pause(w.strikes))
		w.strikes++
	}
	w.away = true
	return true
}

// asked says that somebody wants to send, who may know that the link is back: the next
// probe need not wait for longer than the first one did.
func (w *way) asked(now time.Time, first time.Duration) {
	if at := w.failedAt.Add(first); w.away && at.Before(w.probeAt) {
		w.probeAt = later(at, now)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Bounds of the pauses between two tries. The shortest lets an interface come up; after the
// longest a person would have looked himself.
const (
	shortestPause = time.Second
	leastLongest  = 5 * time.Minute
	longestPause  = time.Hour
)

// firstPause is the pause after the first failure: ACK_TIMEOUT (RFC 7252 §4.8), since Base
// has made all retransmissions of its own by then.
func (t *Transport) firstPause() time.Duration { return firstPause(t.Profile) }

func firstPause(p link.Profile) time.Duration { return max(p.AckTimeout, shortestPause) }

// pause is how long to wait after a failure when there were so many before it: it doubles
// up to MAX_TRANSMIT_WAIT (RFC 7252 §4.8.2), within bounds.
func (t *Transport) pause(failures int) time.Duration { return pauseOf(t.Profile, failures) }

func pauseOf(p link.Profile, failures int) time.Duration {
	longest := min(max(p.MaxTransmitWait(), leastLongest), longestPause)
	d := firstPause(p)
	for ; failures > 0 && d < longest; failures-- {
		d *= 2
	}
	return min(d, longest)
}
