package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options says what is told to whom.
type Options struct {
	// Endpoint is the URL to which spans are posted, such as
	// http://localhost:4318/v1/traces.
	Endpoint string
	// Sample is which part of the traces is told, from 0 to 1; those that a client has begun
	// are told if it says so.
	Sample float64
	// Role is "connect" or "serve".
	Role, Version string
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
}

// Tracer makes spans. Its methods may be called concurrently, and on nil, which traces
// nothing.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	context  propagation.TraceContext
}

// New returns a Tracer, which must be closed. It does not wait for the collector.
func New(ctx context.Context, o Options) (*Tracer, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	// Export of spans by itself; the exporter tries again for a while.
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return newTracer(o, sdk.WithBatcher(loud{exporter, o.Log})), nil
}

func newTracer(o Options, spans sdk.TracerProviderOption) *Tracer {
	resource := sdkresource.NewSchemaless(
		attribute.String("service.name", "coapgw-"+o.Role),
		attribute.String("service.version", o.Version),
	)
	sampler := sdk.ParentBased(sdk.TraceIDRatioBased(o.Sample))
	p := sdk.NewTracerProvider(spans, sdk.WithResource(resource), sdk.WithSampler(sampler))
	return &Tracer{provider: p, tracer: p.Tracer("github.com/coapgw/coapgw")}
}

// Close tells what is left, as long as ctx lasts.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// loud says in the log what the library would print.
type loud struct {
	sdk.SpanExporter
	log *slog.Logger
}

// ExportSpans implements sdk.SpanExporter.
func (l loud) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := l.SpanExporter.ExportSpans(ctx, spans); err != nil {
		l.log.Warn("spans were not told to the collector", "spans", len(spans), "error", err)
	}
	return nil
}

// attributes of a span for a request (OpenTelemetry semantic conventions for HTTP).
func (t *Tracer) attributes(method, route string) trace.SpanStartEventOption {
	return trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route))
}

func answered(span trace.Span, status int) {
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		failed(span)
	}
}
