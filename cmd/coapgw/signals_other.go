//go:build !unix

package main

import "os"

// traceSignals switch the trace of events: there are none here.
var traceSignals []os.Signal

// reloadSignals have what changed in files brought in: there are none here.
var reloadSignals []os.Signal
