//go:build unix

package main

import (
	"os"
	"syscall"
)

// traceSignals switch the trace of events.
var traceSignals = []os.Signal{syscall.SIGUSR1}
