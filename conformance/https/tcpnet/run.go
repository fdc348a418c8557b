package tcpnet

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// stepsPerCollection is how many steps Run takes between two garbage collections.
const stepsPerCollection = 20_000

// Run calls f and moves the clock until f has returned or limit of virtual time
// has passed. It reports how long f took and whether it has returned; if not, f
// goes on at the next Run. One Run at a time per process.
func (n *Network) Run(limit time.Duration, f func()) (took time.Duration, returned bool) {
	defer alone()()
	start := n.clock.Now()
	var ended time.Time
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
		ended = n.clock.Now()
	}()
	deadline := start.Add(limit)
	for step := 1; ; step++ {
		next := n.arrivals()
		select {
		case <-done:
			return ended.Sub(start), true
		default:
		}
		if step%stepsPerCollection == 0 {
			runtime.GC()
		}
		if n.clock.fire() {
			continue
		}
		if due := n.clock.next(); next.IsZero() || !due.IsZero() && due.Before(next) {
			next = due
		}
		if next.IsZero() || next.After(deadline) {
			n.clock.advance(deadline)
			return limit, false
		}
		n.clock.advance(next)
	}
}

// arrivals hands over what has arrived, waits until everybody has done what is to be
// done about it, and returns when more will arrive, if anything is on its way.
func (n *Network) arrivals() (next time.Time) {
	for next = n.link.Advance(); ; {
		settle() // an answer to what has just arrived may be due earlier
		later := n.link.Advance()
		if later.Equal(next) {
			return next
		}
		next = later
	}
}

// alone makes the goroutines of the process take turns, so that settle can tell
// when all of them wait. A collector at work would hold some back that could run.
func alone() (restore func()) {
	processors, percent := runtime.GOMAXPROCS(1), debug.SetGCPercent(-1)
	return func() {
		runtime.GOMAXPROCS(processors)
		debug.SetGCPercent(percent)
	}
}

// settle returns when every other goroutine waits.
func settle() {
	sample := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	for {
		runtime.Gosched()
		if metrics.Read(sample); sample[0].Value.Uint64() == 0 {
			return
		}
	}
}
