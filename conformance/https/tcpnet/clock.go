package tcpnet

import (
	"container/heap"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// epoch is when virtual time begins. The monotonic clock shows an hour then, since
// some stacks take zero for "never".
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

const bootedFor = time.Hour

// clock is virtual time: it stands still until somebody advances it.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	timers timers
	set    uint64
}

var _ tcpip.Clock = (*clock)(nil)

// Now implements tcpip.Clock.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// NowMonotonic implements tcpip.Clock. Each reading takes a nanosecond, so that no
// two segments are sent at the same time: of such ones gVisor's RACK takes the
// later for lost when the earlier is acknowledged.
func (c *clock) NowMonotonic() tcpip.MonotonicTime {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Nanosecond)
	return tcpip.MonotonicTime{}.Add(bootedFor + c.now.Sub(epoch))
}

// AfterFunc implements tcpip.Clock.
func (c *clock) AfterFunc(d time.Duration, f func()) tcpip.Timer {
	t := &timer{clock: c, f: f, index: unset}
	t.Reset(d)
	return t
}

// next is when the next timer is due, the zero time if none is set.
func (c *clock) next() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 {
		return time.Time{}
	}
	return c.timers[0].due
}

// advance moves the clock, forward only.
func (c *clock) advance(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.After(c.now) {
		c.now = to
	}
}

// fire starts the function of one timer that is due, if there is one.
func (c *clock) fire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 || c.timers[0].due.After(c.now) {
		return false
	}
	go heap.Pop(&c.timers).(*timer).f()
	return true
}

// timer is a timer of the clock. clock.mu guards it.
type timer struct {
	clock *clock
	f     func()
	due   time.Time
	order uint64
	index int // in clock.timers, or unset
}

const unset = -1

// Stop implements tcpip.Timer.
func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.index == unset {
		return false
	}
	heap.Remove(&t.clock.timers, t.index)
	return true
}

// Reset implements tcpip.Timer.
func (t *timer) Reset(d time.Duration) {
	t.Stop()
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.clock.set++
	t.due, t.order = t.clock.now.Add(max(d, 0)), t.clock.set
	heap.Push(&t.clock.timers, t)
}

// timers is a heap by time, then by when they were set.
type timers []*timer

func (h timers) Len() int { return len(h) }
func (h timers) Less(i, j int) bool {
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	return h[i].order < h[j].order
}
func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timers) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = unset
	return t
}
