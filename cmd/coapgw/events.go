package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"

	"github.com/coapgw/coapgw/coap/trace"
)

// events writes the events of sessions to a file while an operator wants them.
type events struct {
	log  trace.Log
	name string // of the file, empty for none
	file *os.File
	tell *slog.Logger
}

func newEvents(name string, log *slog.Logger) *events { return &events{name: name, tell: log} }

// heed switches the trace at each signal until ctx ends, and ends it then.
func (e *events) heed(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	if len(traceSignals) > 0 { // none would mean all
		signal.Notify(signals, traceSignals...)
		defer signal.Stop(signals)
	}
	for {
		select {
		case <-signals:
			e.toggle()
		case <-ctx.Done():
			if e.file != nil {
				e.toggle()
			}
			return
		}
	}
}

// toggle switches the trace on, or off.
func (e *events) toggle() {
	switch {
	case e.name == "":
		e.tell.Warn("there is no file for events: give --trace-file")
	case e.file == nil:
		f, err := os.OpenFile(e.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			e.tell.Error("events are not written", "error", err)
			return
		}
		if err := e.log.Start(f, 0); err != nil {
			_ = f.Close()
			e.tell.Error("events are not written", "error", err)
			return
		}
		e.file = f
		e.tell.Info("events of sessions are written", "file", e.name)
	default:
		dropped, err := e.log.Stop()
		if closed := e.file.Close(); err == nil {
			err = closed
		}
		e.file = nil
		if err != nil {
			e.tell.Error("events were lost", "error", err)
			return
		}
		e.tell.Info("events of sessions are no longer written", "file", e.name, "dropped", dropped)
	}
}
