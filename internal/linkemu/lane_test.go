package linkemu

import (
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

func TestMinGap(t *testing.T) {
	left, _ := departures(t, Config{Up: Direction{MinGap: 40 * time.Second}},
		write{0, true, 340}, write{0, true, 340}, write{10, false, 270}, write{100, true, 1}, write{110, true, 2})
	assert.Equal(t, []string{"up 340 0", "up 340 40", "down 270 10", "up 1 100", "up 2 140"}, left)
}

// TestContact: ten bytes take a second, and the link is open for the first four of
// each ten.
func TestContact(t *testing.T) {
	cfg := Config{
		Up:      Direction{Rate: 80, Queue: 30},
		Down:    Direction{Rate: 80},
		Contact: Contact{Window: 4 * time.Second, Period: 10 * time.Second},
	}
	for name, tt := range map[string]struct {
		writes []write
		want   []string
	}{
		"open":                 {[]write{{0, true, 10}, {3, true, 10}}, []string{"up 10 1", "up 10 4"}},
		"does not fit":         {[]write{{3.5, true, 10}, {3.5, false, 5}}, []string{"up 10 11", "down 5 4"}},
		"closed":               {[]write{{4, true, 10}, {9, true, 10}, {10.5, true, 10}}, []string{"up 10 11", "up 10 12", "up 10 13"}},
		"longer than a window": {[]write{{1, false, 50}}, []string{"down 50 15"}},
		"the queue waits":      {[]write{{5, true, 30}, {6, true, 1}, {10, true, 1}}, []string{"up 30 13", "up 1 dropped", "up 1 13.1"}},
		"the next but one":     {[]write{{0, false, 40}, {0, false, 40}, {0, false, 1}}, []string{"down 40 4", "down 40 14", "down 1 20.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			left, _ := departures(t, cfg, tt.writes...)
			assert.Equal(t, tt.want, left)
		})
	}
}

// TestHalfDuplexContact: a turn that does not fit waits for the next contact.
func TestHalfDuplexContact(t *testing.T) {
	cfg := radio80()
	cfg.Contact = Contact{Window: 5 * time.Second, Period: time.Minute}
	left, stats := departures(t, cfg, write{0, true, 10}, write{0.5, false, 20}, write{62, true, 10})
	assert.Equal(t, []string{"up 10 1", "down 20 62", "up 10 121"}, left)
	assert.EqualValues(t, 2, stats.Turnarounds)
}

func TestFrames(t *testing.T) {
	cfg := Config{Up: Direction{Rate: 8}, Overhead: 25, Frame: 100}
	_, stats := departures(t, cfg, write{0, true, 100}, write{200, true, 101}, write{400, true, 0})
	assert.Equal(t, Counters{Datagrams: 3, Bytes: 125 + 151 + 25, Payload: 201, Busy: 301 * time.Second}, stats.Up)

	// A datagram of 10 frames is lost when one of them is.
	cfg = Config{Up: Direction{Loss: 0.1}, Frame: 1, Seed: 1}
	assert.InDelta(t, 2000*(1-0.3487), len(losses(t, cfg)), 60)
}

// lostAt sends a byte at each step and returns the seconds at which it was lost.
func lostAt(t *testing.T, g link.GilbertElliott, seed uint64, step, until time.Duration) (lost []int) {
	inBubble(t, Config{Up: Direction{Burst: g, Loss: 1}, Seed: seed}, func(t *testing.T, l *Link) {
		near := l.Dial(client(1))
		start := time.Now()
		l.Tap(func(p Packet) {
			if p.Verdict == Lost {
				lost = append(lost, int(p.Sent.Sub(start)/time.Second))
			}
		})
		for time.Since(start) < until {
			send(t, near, 1)
			time.Sleep(step)
		}
	})
	return lost
}

// TestBurst looks at a process that loses everything while it is bad.
func TestBurst(t *testing.T) {
	g := link.GilbertElliott{MeanGood: 90 * time.Second, MeanBad: 10 * time.Second, LossBad: 1}
	const until = 100_000
	all := lostAt(t, g, 1, time.Second, until*time.Second)
	assert.InDelta(t, g.Mean(), float64(len(all))/until, 0.01)

	// Losses come in runs of 10 s in the mean.
	runs := 0
	for i, s := range all {
		if i == 0 || all[i-1] != s-1 {
			runs++
		}
	}
	assert.InDelta(t, 10, float64(len(all))/float64(runs), 1)

	// The state does not depend on what is sent.
	var third []int
	for _, s := range all {
		if s%3 == 0 {
			third = append(third, s)
		}
	}
	assert.Equal(t, third, lostAt(t, g, 1, 3*time.Second, until*time.Second))
	assert.NotEqual(t, all, lostAt(t, g, 2, time.Second, until*time.Second))
}

// TestBurstLosses checks the loss within each state.
func TestBurstLosses(t *testing.T) {
	g := link.GilbertElliott{MeanGood: 30 * time.Second, MeanBad: 10 * time.Second, LossGood: 0.1, LossBad: 0.5}
	assert.InDelta(t, g.Mean(), float64(len(lostAt(t, g, 3, time.Second, 50_000*time.Second)))/50_000, 0.01)
	assert.InDelta(t, 0.3, float64(len(lostAt(t, link.GilbertElliott{LossGood: 0.3}, 3, time.Second, 10_000*time.Second)))/10_000, 0.02)
}

// TestBurstDirections: each direction has a state of its own, but for the seed
// they share.
func TestBurstDirections(t *testing.T) {
	d := Direction{Burst: link.GilbertElliott{MeanGood: 10 * time.Second, MeanBad: 10 * time.Second, LossBad: 1}}
	inBubble(t, Config{Up: d, Down: d, Seed: 1}, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		var lost [2]int
		both := 0
		for range 4000 {
			before := l.Stats()
			send(t, near, 1)
			_, err := far.WriteTo([]byte{1}, client(1))
			require.NoError(t, err)
			up, down := l.Stats().Up.Lost-before.Up.Lost, l.Stats().Down.Lost-before.Down.Lost
			lost[0], lost[1], both = lost[0]+int(up), lost[1]+int(down), both+int(up*down)
			time.Sleep(time.Second)
		}
		assert.InDelta(t, 2000, lost[0], 250)
		assert.InDelta(t, 2000, lost[1], 250)
		assert.InDelta(t, 1000, both, 250)
	})
}

// TestFromProfile sends a full datagram each way over each profile's link, and one
// that is a byte too long.
func TestFromProfile(t *testing.T) {
	for _, p := range link.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			cfg := FromProfile(p, 1)
			cfg.Up.Burst, cfg.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
			inBubble(t, cfg, func(t *testing.T, l *Link) {
				far, near := l.Listen(), l.Dial(client(1))
				start := time.Now()
				send(t, near, p.MaxDatagram(true)+1)
				send(t, near, p.MaxDatagram(true))
				_, from, after := receive(t, far, start)
				least := p.Airtime(p.MaxDatagram(true), true) + p.OneWayDelay
				assert.GreaterOrEqual(t, after, least)
				assert.LessOrEqual(t, after, least+p.Jitter+1)

				start = time.Now()
				for _, extra := range []int{1, 0} {
					_, err := far.WriteTo(make([]byte, p.MaxDatagram(false)+extra), from)
					require.NoError(t, err)
				}
				_, _, after = receive(t, near, start)
				least = p.Airtime(p.MaxDatagram(false), false) + p.OneWayDelay + p.Turnaround + p.Preamble
				assert.GreaterOrEqual(t, after, least)
				assert.LessOrEqual(t, after, least+p.Jitter+1)
				assert.LessOrEqual(t, after, p.Transit(p.MaxDatagram(false), false))

				s := l.Stats()
				assert.EqualValues(t, 1, s.Up.Violations)
				assert.EqualValues(t, 1, s.Down.Violations)
				assert.Equal(t, p.Airtime(p.MaxDatagram(true), true), s.Up.Busy)
				assert.Equal(t, p.HalfDuplex, s.Turnarounds == 1)
			})
		})
	}
}

// TestKnownContact: the constrained side is told that the link is closed, the far
// side is not.
func TestKnownContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Contact: Contact{Window: 4 * time.Second, Period: 10 * time.Second, Known: true}})
		defer l.Close()
		near, far := l.Dial(FarAddr()), l.Listen()
		for range 3 {
			_, err := near.WriteTo([]byte("x"), FarAddr())
			require.NoError(t, err)
			time.Sleep(4 * time.Second) // virtual
			_, err = near.WriteTo([]byte("x"), FarAddr())
			require.ErrorIs(t, err, syscall.ENETUNREACH)
			_, err = far.WriteTo([]byte("x"), FarAddr())
			require.NoError(t, err)
			time.Sleep(6 * time.Second)
		}
	})
}

// TestQueuesAreFinite: on each link of a profile, whatever is sent, few datagrams wait.
func TestQueuesAreFinite(t *testing.T) {
	for _, p := range link.Profiles() {
		synctest.Test(t, func(t *testing.T) {
			l := New(FromProfile(p, 1))
			defer l.Close()
			c := l.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1})
			for range 40_000 {
				_, err := c.WriteTo(make([]byte, 100), FarAddr())
				require.NoError(t, err)
			}
			assert.Less(t, len(l.up.waiting)+len(l.flights), 20_000, p.Name)
		})
	}
}
