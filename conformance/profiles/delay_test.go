package profiles

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// maxOverAirtime is how much longer than its airtime a send may take at most, the
// delays of its datagrams besides.
const maxOverAirtime = 1.3

// TestSendTakesItsAirtime: at 100 bit/s, 4 s and 40 % of jitter a send on a warm
// session is answered within little more than what the link itself needs.
func TestSendTakesItsAirtime(t *testing.T) {
	p, ok := link.ByName("fosdem-100bps")
	require.True(t, ok)
	worst := 0.0
	for seed := uint64(lossless); seed <= tableSeeds; seed++ {
		inWorld(t, p, linkOf(p, seed), func(w *world) {
			s := w.newSession()
			require.NoError(w.T, s.connect())
			m := w.meter()
			for n := range 10 {
				w.settle()
				m.reset()
				before := s.total
				require.NoError(w.T, s.send("send", n))
				airtime, delay := m.read()
				took := s.total - before
				assert.LessOrEqual(w.T, took, time.Duration(maxOverAirtime*float64(airtime))+delay, "seed %d, send %d", seed, n)
				worst = max(worst, float64(took-delay)/float64(airtime))
			}
		})
	}
	t.Logf("at most %.3f times the airtime", worst)
}

// meter adds up what the link needed for its datagrams.
type meter struct {
	mu             sync.Mutex
	airtime, delay time.Duration
}

// meter begins to measure.
func (w *world) meter() *meter {
	m := new(meter)
	w.Link.Tap(func(p linkemu.Packet) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.airtime += w.profile.Airtime(len(p.Payload), p.Up)
		m.delay += p.Arrives.Sub(p.Departs)
	})
	return m
}

func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.airtime, m.delay = 0, 0
}

func (m *meter) read() (airtime, delay time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.airtime, m.delay
}
