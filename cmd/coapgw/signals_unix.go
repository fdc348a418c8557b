//go:build unix

package main

import (
	"os"
	"syscall"
)

// traceSignals switch the trace of events.
var traceSignals = []os.Signal{syscall.SIGUSR1}

// reloadSignals have what changed in files brought in.
var reloadSignals = []os.Signal{syscall.SIGHUP}
