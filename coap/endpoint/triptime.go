package endpoint

import "time"

// tripTime measures the time from sending a block until a report on it, by RFC 6298
// §2.
type tripTime struct {
	least               time.Duration // computed
	smoothed, variation time.Duration // SRTT and RTTVAR; at first what to go by without samples
	sampled             bool
}

// sample takes a round trip; 0 is none.
func (t *tripTime) sample(d time.Duration) {
	switch {
	case d <= 0:
	case !t.sampled:
		t.sampled, t.smoothed, t.variation = true, d, d/2
	default:
		t.variation += ((t.smoothed - d).Abs() - t.variation) / 4
		t.smoothed += (d - t.smoothed) / 8
	}
}

// queued reports whether a round trip took twice what the profile explains: a queue has
// grown that is as long as the path.
func (t *tripTime) queued(d time.Duration) bool { return t.least > 0 && d > 2*t.least }

// upper is the longest that a round trip commonly takes.
func (t *tripTime) upper() time.Duration { return max(t.smoothed+4*t.variation, t.least) }
