//go:build !clientonly

package main

import (
	"net/http"

	"github.com/coapgw/coapgw/coap/outbox"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/metrics"
	"github.com/coapgw/coapgw/internal/status"
)

// exporter is what machines are told of a running end.
type exporter struct{ *metrics.Metrics }

// newExporter measures what the page shows; waiting may be nil.
func newExporter(shown status.Options, waiting *outbox.Transport) exporter {
	measured := metrics.Options{Role: string(shown.Role), Version: shown.Version, Status: shown.Status, Outside: shown.Outside}
	if waiting != nil {
		measured.Outbox = func() (int, int64) {
			s := waiting.Snapshot()
			return s.Queued, int64(s.Bytes)
		}
	}
	return exporter{metrics.New(measured)}
}

// handler answers scrapes.
func (e exporter) handler() http.Handler { return e.Metrics }

// recorder receives the events of sessions.
func (e exporter) recorder() trace.Recorder { return e.Metrics }

// counted counts what h is asked.
func (e exporter) counted(h http.Handler) http.Handler { return e.Middleware(h) }

// refused counts what a Guard has not let pass.
func (v *view) refused(why gateway.Refusal) {
	limit := metrics.LimitRate
	switch why {
	case gateway.RefusedPath:
		limit = metrics.LimitPath
	case gateway.RefusedBytes:
		limit = metrics.LimitBytes
	case gateway.RefusedConcurrent, gateway.RefusedLoad:
		limit = metrics.LimitRequests
	}
	v.metrics.Hit(limit)
}
