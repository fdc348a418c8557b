//go:build clientonly

package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/status"
)

// tracingOptions are none in this build.
type tracingOptions struct{}

func newTracingOptions(config.Config) tracingOptions { return tracingOptions{} }

// Check has nothing to say.
func (tracingOptions) Check() error { return nil }

// spans tell nobody in this build.
type spans struct{}

func (tracingOptions) open(context.Context, status.Role, *slog.Logger) (spans, error) {
	return spans{}, nil
}

func (spans) Middleware(h http.Handler) http.Handler              { return h }
func (spans) Link(next http.RoundTripper) http.RoundTripper       { return next }
func (spans) Homeserver(next http.RoundTripper) http.RoundTripper { return next }
func (spans) close() error                                        { return nil }
