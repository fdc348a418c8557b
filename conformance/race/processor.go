package race

import (
	"runtime"
	"testing"
)

// OneProcessor keeps a test under the race detector to one processor until it ends. With
// two, the detector's own runtime may fail a check where timers of a bubble of virtual time
// run on both (golang/go#78156), the more often the more timers there are. It finds races
// all the same: it looks at what orders accesses, not at which come together.
func OneProcessor(t testing.TB) {
	if !Detector {
		return
	}
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}
