package status

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// daily knows how much of what was counted belongs to today, by local time, and what
// happened in each of the latest minutes.
type daily struct {
	mu sync.Mutex
	// since is when the day began, or the first process of the day.
	since time.Time
	// before is what earlier processes counted today.
	before account
	// begin is what the counters of this process said when the day began, last what they
	// said at lastAt.
	begin, last account
	lastAt      time.Time
	minutes     []minute // the latest last
}

// minute is what went over the link in one minute.
type minute struct{ up, down uint64 }

// keptMinutes is for how many of them the page has a bar.
const keptMinutes = 60

// take notes what the counters say, and returns what belongs to today.
func (d *daily) take(at time.Time, counted account) (since time.Time, today account) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lastAt.IsZero() {
		// Counters begin with the process: all of them belong to its first day.
		d.lastAt = at
		if d.since.IsZero() {
			d.since = at
		}
	}
	if !sameDay(d.lastAt, at) {
		// What came since the last reading, a minute ago, counts for the day before.
		d.since, d.begin, d.before = at, counted, account{}
	}
	d.chart(at, counted)
	return d.since, d.before.plus(counted.minus(d.begin))
}

func sameDay(a, b time.Time) bool {
	y, m, day := a.Date()
	y2, m2, day2 := b.Date()
	return y == y2 && m == m2 && day == day2
}

// chart adds what has come since the last look to the latest minute.
func (d *daily) chart(at time.Time, counted account) {
	if passed := int(at.Truncate(time.Minute).Sub(d.lastAt.Truncate(time.Minute)) / time.Minute); passed > 0 || d.minutes == nil {
		for range min(max(passed, 1), keptMinutes) {
			d.minutes = append(d.minutes, minute{})
		}
		d.minutes = d.minutes[max(len(d.minutes)-keptMinutes, 0):]
	}
	latest := &d.minutes[len(d.minutes)-1]
	latest.up += since(counted.Sent.LinkBytes, d.last.Sent.LinkBytes)
	latest.down += since(counted.Received.LinkBytes, d.last.Received.LinkBytes)
	if counted.Sent.LinkBytes >= d.last.Sent.LinkBytes && counted.Received.LinkBytes >= d.last.Received.LinkBytes {
		d.lastAt, d.last = at, counted
	}
}

// history returns the latest minutes.
func (d *daily) history() []minute {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]minute(nil), d.minutes...)
}

// kept is the account of a day as a store has it.
type kept struct {
	Since   time.Time
	At      time.Time
	Account account
}

// restore goes on with the account of an earlier process, if that is of the same day.
func (d *daily) restore(stored []byte, now time.Time) error {
	var k kept
	if err := json.Unmarshal(stored, &k); err != nil {
		return fmt.Errorf("the account of the day: %w", err)
	}
	if sameDay(k.At.In(now.Location()), now) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.since, d.before = k.Since.In(now.Location()), k.Account
	}
	return nil
}

// keep returns what restore needs.
func (d *daily) keep(now time.Time, counted account) ([]byte, error) {
	since, today := d.take(now, counted)
	return json.Marshal(kept{since, now, today})
}
