package endpoint

import (
	"slices"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// tally counts what Stats tells. Its lock is taken last, for moments, whatever else is
// held.
type tally struct {
	mu             sync.Mutex
	sent, received traffic
	// again, duplicates, malformed and gaveUp count events of these kinds.
	again, duplicates, malformed, gaveUp uint64
	trip                                 RoundTrip
	transfers                            []*transfer
}

// traffic is what went one way.
type traffic struct {
	datagrams, bytes, below uint64
	airtime                 time.Duration
	// loss is the smoothed part of what had to be sent again, of so many samples.
	loss    float64
	samples uint64
}

// event counts one of a kind about a message of that many bytes, which goes up or down
// under t.
func (y *tally) event(kind trace.Kind, bytes int, t *terms) {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch kind {
	case trace.Sent:
		y.sent.count(bytes, t, true)
	case trace.Retransmitted:
		y.again++
		y.sent.count(bytes, t, true)
	case trace.Received:
		y.received.count(bytes, t, false)
	case trace.Duplicate:
		y.duplicates++
	case trace.Malformed:
		y.malformed++
	case trace.GaveUp:
		y.gaveUp++
	}
}

// count adds a datagram that carries a message of that many bytes.
func (f *traffic) count(bytes int, t *terms, ours bool) {
	payload := bytes + t.overhead
	f.datagrams++
	f.bytes += uint64(bytes)
	f.below += uint64(t.overhead + t.profile.Frames(payload)*t.profile.Overhead)
	if t.side != SideUnknown {
		f.airtime += t.profile.Airtime(payload, (t.side == SideConstrained) == ours)
	}
}

// lossMemory is over how many messages and blocks loss is smoothed.
const lossMemory = 64

// fate takes note that so many messages or blocks had to be sent again, and that so many
// others arrived.
func (y *tally) fate(ours bool, lost, arrived int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	f := &y.received
	if ours {
		f = &y.sent
	}
	for _, s := range [...]struct {
		n    int
		lost float64
	}{{min(lost, lossMemory), 1}, {min(arrived, lossMemory), 0}} {
		for range s.n {
			f.samples++
			f.loss += (s.lost - f.loss) / float64(min(f.samples, lossMemory))
		}
	}
}

// arrived takes note of a block of the peer, which was missing before or not.
func (y *tally) arrived(missed bool) {
	if missed {
		y.fate(false, 1, 0)
	}
	y.fate(false, 0, 1)
}

// measured takes a round trip, smoothed as in RFC 6298 §2.
func (y *tally) measured(rtt time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	r := &y.trip
	if r.Samples++; r.Samples == 1 {
		r.Smoothed, r.Least = rtt, rtt
	}
	r.Latest, r.Least = rtt, min(r.Least, rtt)
	r.Smoothed += (rtt - r.Smoothed) / 8
}

// begin takes a transfer into the list.
func (y *tally) begin(t *transfer) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.transfers = append(y.transfers, t)
}

// end takes a transfer off the list. It does nothing the second time.
func (y *tally) end(t *transfer) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if i := slices.Index(y.transfers, t); i >= 0 {
		y.transfers = slices.Delete(y.transfers, i, i+1)
	}
}
