//go:build clientonly

package main

import (
	"net/http"

	"github.com/coapgw/coapgw/coap/outbox"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/internal/status"
)

// exporter tells machines nothing in this build: what they could be told is on the status
// page, as JSON too.
type exporter struct{}

func newExporter(status.Options, *outbox.Transport) exporter { return exporter{} }

func (exporter) handler() http.Handler               { return nil }
func (exporter) recorder() trace.Recorder            { return nil }
func (exporter) counted(h http.Handler) http.Handler { return h }
