package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// row is a metric that is read from a coap.Status.
type row struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	// read calls add for each series.
	read func(v *reading, add func(value float64, labels ...string))
}

// reading is what the rows read from.
type reading struct {
	coap.Status
	// up is what the clients' side sent, down what it received.
	up, down endpoint.Traffic
	// outside is the same for what does not belong to sessions.
	outsideUp, outsideDown endpoint.Traffic
	requests, response     coap.Content
	// Of all sessions:
	queue        [3]int
	observations int
	sending      int
	receiving    int
	outbox       int
	outboxBytes  int64
}

func both(pick func(endpoint.Traffic) float64) func(*reading, func(float64, ...string)) {
	return func(v *reading, add func(float64, ...string)) {
		add(pick(v.up), "up")
		add(pick(v.down), "down")
	}
}

func one(pick func(*reading) float64) func(*reading, func(float64, ...string)) {
	return func(v *reading, add func(float64, ...string)) { add(pick(v)) }
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var rows = []row{
	{"sessions", "Sessions that are open.", gauge, nil, one(func(v *reading) float64 { return float64(len(v.Sessions)) })},
	{"sessions_opened_total", "Sessions that began, by a handshake or resumed from an earlier life.", counter, []string{"how"},
		func(v *reading, add func(float64, ...string)) {
			add(float64(v.Opened-v.Resumed), "handshake")
			add(float64(v.Resumed), "resumed")
		}},
	{"sessions_stored", "Sessions that rest in the state file of serve.", gauge, nil, one(func(v *reading) float64 { return float64(v.Resting) })},
	{"sessions_displaced_total", "Sessions that made room for others at a limit of serve; those in its state file come back with their next record.", counter, nil, one(func(v *reading) float64 { return float64(v.Displaced) })},
	{"handshakes_under_way", "Handshakes that clients of serve have begun.", gauge, nil, one(func(v *reading) float64 { return float64(v.Shaking) })},
	{"sessions_failed_total", "Sessions that could not be opened: no answer, or a handshake that did not complete.", counter, nil, one(func(v *reading) float64 { return float64(v.Failed) })},
	{"sessions_refused_total", "Sessions and handshakes refused because there were too many.", counter, nil, one(func(v *reading) float64 { return float64(v.Refused) })},
	{"bytes_total", "Bytes by layer: of paths and bodies as HTTP has them, of what they become in CoAP, of whole CoAP messages, and of packets with all headers.", counter, []string{"layer", "direction"},
		func(v *reading, add func(float64, ...string)) {
			add(float64(v.requests.Plain), "http", "up")
			add(float64(v.response.Plain), "http", "down")
			add(float64(v.requests.Coded), "content", "up")
			add(float64(v.response.Coded), "content", "down")
			add(float64(v.up.Bytes), "coap", "up")
			add(float64(v.down.Bytes), "coap", "down")
			add(float64(v.up.LinkBytes), "link", "up")
			add(float64(v.down.LinkBytes), "link", "down")
		}},
	{"outside_bytes_total", "Bytes outside of sessions, in packets with all headers: of handshakes, those that failed included, and at a server what strangers sent.", counter, []string{"direction"},
		func(v *reading, add func(float64, ...string)) {
			add(float64(v.outsideUp.LinkBytes), "up")
			add(float64(v.outsideDown.LinkBytes), "down")
		}},
	{"datagrams_total", "Datagrams that carried CoAP.", counter, []string{"direction"}, both(func(t endpoint.Traffic) float64 { return float64(t.Datagrams) })},
	{"airtime_seconds_total", "How long links were busy, by their profiles.", counter, []string{"direction"}, both(func(t endpoint.Traffic) float64 { return t.Airtime.Seconds() })},
	{"content_ratio", "Bytes of content on the link for each byte that HTTP has, since the start.", gauge, nil,
		func(v *reading, add func(float64, ...string)) {
			if plain := v.requests.Plain + v.response.Plain; plain > 0 {
				add(float64(v.requests.Coded+v.response.Coded) / float64(plain))
			}
		}},
	{"retransmissions_total", "Confirmable messages sent again.", counter, nil, one(func(v *reading) float64 { return float64(v.Total.Retransmissions) })},
	{"duplicates_total", "Messages of peers that came again.", counter, nil, one(func(v *reading) float64 { return float64(v.Total.Duplicates) })},
	{"malformed_total", "Datagrams that are no CoAP message.", counter, nil, one(func(v *reading) float64 { return float64(v.Total.Malformed) })},
	{"given_up_total", "Confirmable messages that were never acknowledged.", counter, nil, one(func(v *reading) float64 { return float64(v.Total.GaveUp) })},
	{"queue", "Messages that wait: for an answer, for their turn, or for a free link.", gauge, []string{"for"},
		func(v *reading, add func(float64, ...string)) {
			for i, what := range [...]string{"answer", "turn", "link"} {
				add(float64(v.queue[i]), what)
			}
		}},
	{"requests_under_way", "Requests that are under way.", gauge, nil, one(func(v *reading) float64 { return float64(v.UnderWay) })},
	{"observations", "Observations that are open.", gauge, nil, one(func(v *reading) float64 { return float64(v.observations) })},
	{"transfers", "Bodies under way in several datagrams.", gauge, []string{"direction"},
		func(v *reading, add func(float64, ...string)) {
			add(float64(v.sending), "up")
			add(float64(v.receiving), "down")
		}},
}

var outboxRows = []row{
	{"outbox_requests", "Requests that wait for a link that is down.", gauge, nil, one(func(v *reading) float64 { return float64(v.outbox) })},
	{"outbox_bytes", "Bytes of the requests that wait for a link that is down.", gauge, nil, one(func(v *reading) float64 { return float64(v.outboxBytes) })},
}

// snapshot is a collector that looks at the status once a scrape.
type snapshot struct {
	o    Options
	rows []row
	desc []*prometheus.Desc
}

func newSnapshot(o Options) *snapshot {
	s := &snapshot{o: o, rows: rows}
	if o.Outbox != nil {
		s.rows = append(append([]row(nil), rows...), outboxRows...)
	}
	for _, r := range s.rows {
		s.desc = append(s.desc, prometheus.NewDesc(prometheus.BuildFQName(namespace, "", r.name), r.help, r.labels, nil))
	}
	return s
}

// Describe implements prometheus.Collector.
func (s *snapshot) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s.desc {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *snapshot) Collect(ch chan<- prometheus.Metric) {
	v := s.read()
	for i, r := range s.rows {
		r.read(v, func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(s.desc[i], r.kind, value, labels...)
		})
	}
}

func (s *snapshot) read() *reading {
	v := &reading{Status: s.o.Status()}
	v.up, v.down = v.Total.Sent, v.Total.Received
	if s.o.Outside != nil {
		v.outsideUp, v.outsideDown = s.o.Outside()
	}
	v.requests, v.response = v.Total.Requests, v.Total.Responses
	for _, one := range v.Sessions {
		v.queue[0] += one.Stats.Outstanding
		v.queue[1] += one.Stats.Waiting
		v.queue[2] += one.Stats.Queued
		v.observations += one.Stats.Observers + one.Stats.Observations
		for _, t := range one.Transfers {
			if t.Sending {
				v.sending++
			} else {
				v.receiving++
			}
		}
	}
	if s.o.Role != "connect" {
		v.up, v.down = v.down, v.up
		v.outsideUp, v.outsideDown = v.outsideDown, v.outsideUp
		v.sending, v.receiving = v.receiving, v.sending
	}
	if s.o.Outbox != nil {
		v.outbox, v.outboxBytes = s.o.Outbox()
	}
	return v
}
