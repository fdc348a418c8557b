//go:build !clientonly

package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/status"
	"github.com/coapgw/coapgw/internal/tracing"
)

// tracingOptions are those of traces. A build for small machines has none.
type tracingOptions struct{ config.Tracing }

func newTracingOptions(d config.Config) tracingOptions { return tracingOptions{d.Tracing} }

// spans tell a collector of requests.
type spans struct{ *tracing.Tracer }

// tellsWithin bounds how long the last spans may take to be told.
const tellsWithin = 5 * time.Second

// open returns spans that must be closed; they tell nobody unless they are configured.
func (o tracingOptions) open(ctx context.Context, role status.Role, log *slog.Logger) (spans, error) {
	if o.Endpoint == "" {
		return spans{}, nil
	}
	t, err := tracing.New(ctx, tracing.Options{
		Endpoint: o.Endpoint, Sample: o.Sample, Role: string(role), Version: readBuild().Version, Log: log,
	})
	return spans{t}, err
}

func (s spans) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), tellsWithin)
	defer cancel()
	return s.Close(ctx)
}
