package status

import (
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap"
)

// reading is the counters at a moment.
type reading struct {
	at     time.Time
	totals coap.Totals
	counts Counts
}

// daily knows how much of what was counted belongs to today, by local time, and what
// happened in each of the latest minutes.
type daily struct {
	mu      sync.Mutex
	begin   reading // of the day, or of the process
	last    reading
	minutes []minute // the latest last
}

// minute is what went over the link in one minute.
type minute struct{ up, down uint64 }

// keptMinutes is for how many of them the page has a bar.
const keptMinutes = 60

// take notes what the counters say, and returns what they said when the day began.
func (d *daily) take(now reading) (begin reading) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begin.at.IsZero() {
		// Counters begin with the process: all of them belong to its first day.
		d.begin, d.last = reading{at: now.at}, reading{at: now.at}
	}
	if y, m, day := now.at.Date(); !d.last.at.IsZero() {
		if ly, lm, lday := d.last.at.Date(); y != ly || m != lm || day != lday {
			// What came since the last reading, a minute ago, counts for the day before.
			d.begin = now
		}
	}
	if passed := int(now.at.Truncate(time.Minute).Sub(d.last.at.Truncate(time.Minute)) / time.Minute); passed > 0 || d.minutes == nil {
		for range min(max(passed, 1), keptMinutes) {
			d.minutes = append(d.minutes, minute{})
		}
		d.minutes = d.minutes[max(len(d.minutes)-keptMinutes, 0):]
	}
	latest := &d.minutes[len(d.minutes)-1]
	latest.up += since(sent(now.totals), sent(d.last.totals))
	latest.down += since(received(now.totals), received(d.last.totals))
	if sent(now.totals) >= sent(d.last.totals) && received(now.totals) >= received(d.last.totals) {
		d.last = now
	}
	return d.begin
}

// history returns the latest minutes.
func (d *daily) history() []minute {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]minute(nil), d.minutes...)
}

// since is how much a counter has grown. Two looks at a time may come in either order.
func since[T uint64 | time.Duration](now, then T) T { return max(now, then) - then }

func sent(t coap.Totals) uint64     { return t.Sent.LinkBytes }
func received(t coap.Totals) uint64 { return t.Received.LinkBytes }
