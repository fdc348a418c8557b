package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/coapgw/coapgw/internal/activation"
)

// notifyReady tells a service manager that connect takes traffic and, when ctx ends, that
// it is about to stop; of serve package upgrade tells it. The caller calls the function
// returned, at the latest when it returns.
func notifyReady(ctx context.Context, log *slog.Logger) (done func()) {
	manager := activation.NewNotifier(os.Getenv)
	tell := func(err error) {
		if err != nil {
			log.Warn("the service manager does not hear", "error", err)
		}
	}
	tell(manager.Ready())
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		tell(manager.Stopping())
	})
	return func() {
		if !stop() {
			<-told
		}
	}
}
