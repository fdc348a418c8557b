package main

import (
	"context"
	"log/slog"

	"github.com/coapgw/coapgw/internal/sdnotify"
)

// notifyReady tells a service manager that the program takes traffic and, when ctx
// ends, that it is about to stop. The caller calls the function returned, at the
// latest when it returns.
func notifyReady(ctx context.Context, log *slog.Logger) (done func()) {
	socket := sdnotify.Socket()
	tell := func(state string) {
		if err := sdnotify.Send(socket, state); err != nil {
			log.Warn("the service manager does not hear", "error", err)
		}
	}
	tell(sdnotify.Ready)
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		tell(sdnotify.Stopping)
	})
	return func() {
		if !stop() {
			<-told
		}
	}
}
