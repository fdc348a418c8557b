package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/trace"
)

// Options says what is measured. Whatever is nil is left out.
type Options struct {
	// Role is "connect" or "serve"; it decides which direction is up.
	Role    string
	Version string
	// Status is that of a coap.Transport or a coap.Server.
	Status func() coap.Status
	// Outside returns what this end has sent and received outside of sessions.
	Outside func() (sent, received endpoint.Traffic)
	// Outbox returns how many requests wait for a link that is down, and their bytes.
	Outbox func() (requests int, bytes int64)
}

// Metrics is an exporter. It is a trace.Recorder, and an http.Handler that answers
// scrapes. All methods may be called concurrently.
type Metrics struct {
	http.Handler
	registry *prometheus.Registry

	roundTrip  prometheus.Histogram
	requests   *prometheus.CounterVec
	latency    *prometheus.HistogramVec
	homeserver *prometheus.HistogramVec
	limits     *prometheus.CounterVec
}

const namespace = "coapgw"

// slow are the buckets of what may take from milliseconds on a LAN to minutes on HF, in
// seconds.
var slow = []float64{.01, .03, .1, .3, 1, 3, 10, 30, 100, 300, 1000}

// Limit is a bound that the gateway enforces.
type Limit string

// Limits.
const (
	LimitRequests Limit = "requests" // at once
	LimitRate     Limit = "rate"     // of requests
	LimitBytes    Limit = "bytes"    // of bodies, a second
	LimitPath     Limit = "path"     // a path that is not allowed
)

// limits are all of them, so that each is there from the start.
var limits = []Limit{LimitRequests, LimitRate, LimitBytes, LimitPath}

// New returns an exporter with a registry of its own.
func New(o Options) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		roundTrip: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "round_trip_seconds", Buckets: slow,
			Help: "From when a confirmable message leaves until it is answered, of those sent once.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "http_requests_total",
			Help: "HTTP requests by route pattern and class of status.",
		}, []string{"method", "route", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_duration_seconds", Buckets: slow,
			Help: "From an HTTP request to the end of its answer, long-polls included.",
		}, []string{"status"}),
		homeserver: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "homeserver_response_seconds", Buckets: slow,
			Help: "From a request to the homeserver to the header of its answer, long-polls left out.",
		}, []string{"status"}),
		limits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "limits_hit_total",
			Help: "Requests that serve refused, by limit: requests at once, their rate, bytes a second, or the paths that pass.",
		}, []string{"limit"}),
	}
	for _, l := range limits {
		m.limits.WithLabelValues(string(l))
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say what runs.",
			ConstLabels: prometheus.Labels{"version": o.Version, "role": o.Role, "goversion": runtime.Version()},
		}, func() float64 { return 1 }),
		m.roundTrip, m.requests, m.latency, m.limits,
	)
	if o.Role != "connect" {
		m.registry.MustRegister(m.homeserver)
	}
	if o.Status != nil {
		m.registry.MustRegister(newSnapshot(o))
	}
	m.Handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return m
}

// Record implements trace.Recorder.
func (m *Metrics) Record(e trace.Event) {
	if e.Kind == trace.Measured {
		m.roundTrip.Observe(e.RoundTrip.Seconds())
	}
}

// Hit counts that a bound was reached.
func (m *Metrics) Hit(l Limit) {
	for _, known := range limits {
		if l == known {
			m.limits.WithLabelValues(string(l)).Inc()
		}
	}
}
