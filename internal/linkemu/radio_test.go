package linkemu

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// radio80 is a half-duplex link on which ten bytes take a second and a change of
// direction three.
func radio80() Config {
	d := Direction{Rate: 80, Delay: 500 * time.Millisecond}
	return Config{Up: d, Down: d, HalfDuplex: HalfDuplex{On: true, Turnaround: 2 * time.Second, Preamble: time.Second, MaxTurn: 3 * time.Second}}
}

// write is a datagram of so many bytes at a time.
type write struct {
	at   float64 // seconds
	up   bool
	size int
}

// departures sends what is asked for and returns when the last bits left, in the
// order of leaving: direction, bytes, second.
func departures(t *testing.T, cfg Config, writes ...write) (left []string, stats Stats) {
	inBubble(t, cfg, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		start := time.Now()
		l.Tap(func(p Packet) {
			arrow := "down"
			if p.Up {
				arrow = "up"
			}
			switch p.Verdict {
			case Carried:
				assert.Equal(t, p.Departs.Add(cfg.Up.Delay), p.Arrives)
				left = append(left, fmt.Sprint(arrow, " ", len(p.Payload), " ", p.Departs.Sub(start).Seconds()))
			case Dropped:
				left = append(left, fmt.Sprint(arrow, " ", len(p.Payload), " dropped"))
			}
		})
		for _, w := range writes {
			time.Sleep(time.Until(start.Add(time.Duration(w.at * float64(time.Second)))))
			if w.up {
				send(t, near, w.size)
				continue
			}
			_, err := far.WriteTo(make([]byte, w.size), client(1))
			require.NoError(t, err)
		}
		time.Sleep(24 * time.Hour)
		stats = l.Stats()
	})
	return left, stats
}

func TestHalfDuplex(t *testing.T) {
	const up, down = true, false
	tests := []struct {
		name   string
		change func(*Config)
		writes []write
		want   []string
		turns  int64
	}{
		{
			name:   "the first transmission changes nothing",
			writes: []write{{0, down, 10}},
			want:   []string{"down 10 1"},
		},
		{
			name:   "each change has its price, a pause has none",
			writes: []write{{0, up, 10}, {10, down, 10}, {20, down, 10}, {30, up, 10}},
			want:   []string{"up 10 1", "down 10 14", "down 10 21", "up 10 34"},
			turns:  2,
		},
		{
			name:   "both at the same instant: who had the turn keeps it",
			writes: []write{{0, down, 10}, {0, up, 10}, {0, up, 10}, {20, up, 10}, {20, down, 10}},
			want:   []string{"up 10 1", "up 10 2", "down 10 6", "down 10 21", "up 10 25"},
			turns:  2,
		},
		{
			name: "what is written in a turn goes in it",
			writes: []write{
				{0, up, 10}, {0.5, down, 10}, {0.7, up, 10}, {1.9, up, 10}, {2.9, up, 10},
			},
			want:  []string{"up 10 1", "up 10 2", "up 10 3", "down 10 7", "up 10 11"},
			turns: 2,
		},
		{
			name: "the turn passes when it lasts too long",
			writes: []write{
				{0, up, 10}, {0, up, 10}, {0, up, 5}, {0, up, 10}, {0, up, 10}, {0, down, 10}, {0, down, 10},
			},
			want:  []string{"up 10 1", "up 10 2", "up 5 2.5", "down 10 6.5", "down 10 7.5", "up 10 11.5", "up 10 12.5"},
			turns: 2,
		},
		{
			name: "while nobody else waits a turn has no end",
			writes: []write{
				{0, up, 30}, {0, up, 30}, {0, up, 30}, {4, down, 10},
			},
			want:  []string{"up 30 3", "up 30 6", "down 10 10", "up 30 16"},
			turns: 2,
		},
		{
			name:   "a datagram longer than a turn",
			writes: []write{{0, down, 10}, {0.5, up, 50}, {0.5, up, 50}, {0.5, down, 50}},
			want:   []string{"down 10 1", "up 50 9", "down 50 17", "up 50 25"},
			turns:  3,
		},
		{
			name:   "without MaxTurn a datagram each",
			change: func(c *Config) { c.HalfDuplex.MaxTurn = 0 },
			writes: []write{{0, up, 10}, {0, up, 10}, {0, down, 10}, {0, down, 10}},
			want:   []string{"up 10 1", "down 10 5", "up 10 9", "down 10 13"},
			turns:  3,
		},
		{
			name:   "a queue each",
			change: func(c *Config) { c.Up.Queue, c.Down.Queue = 20, 15 },
			writes: []write{
				{0, up, 100}, {1, up, 10}, {1, up, 10}, {1, up, 1}, {2, down, 15}, {3, down, 1},
				{20, up, 20},
			},
			want:  []string{"up 100 10", "up 1 dropped", "down 1 dropped", "down 15 14.5", "up 10 18.5", "up 10 19.5", "up 20 22"},
			turns: 2,
		},
		{
			name:   "a gap between messages",
			change: func(c *Config) { c.Up.MinGap = 5 * time.Second },
			writes: []write{{0, up, 10}, {0, up, 10}},
			want:   []string{"up 10 1", "up 10 7"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := radio80()
			if tt.change != nil {
				tt.change(&cfg)
			}
			left, stats := departures(t, cfg, tt.writes...)
			assert.Equal(t, tt.want, left)
			assert.Equal(t, tt.turns, stats.Turnarounds)
		})
	}
}

// TestHalfDuplexViolation: what is too large takes no turn.
func TestHalfDuplexViolation(t *testing.T) {
	cfg := radio80()
	cfg.Up.MTU = 10
	left, stats := departures(t, cfg, write{0, false, 10}, write{1, true, 11}, write{1, false, 10})
	assert.Equal(t, []string{"down 10 1", "down 10 2"}, left)
	assert.EqualValues(t, 1, stats.Up.Violations)
	assert.Zero(t, stats.Turnarounds)
}

// TestHalfDuplexSimultaneousWriters has both sides write at the same instants from
// goroutines of their own: the trace is the same each time.
func TestHalfDuplexSimultaneousWriters(t *testing.T) {
	run := func() (trace []string) {
		cfg := radio80()
		cfg.Up.Loss, cfg.Down.Loss, cfg.Seed = 0.2, 0.2, 5
		inBubble(t, cfg, func(t *testing.T, l *Link) {
			start := time.Now()
			l.Tap(func(p Packet) {
				trace = append(trace, fmt.Sprint(p.Up, len(p.Payload), p.Verdict, p.Departs.Sub(start)))
			})
			far, near := l.Listen(), l.Dial(client(1))
			var writers sync.WaitGroup
			for i := range 2 {
				writers.Go(func() {
					for n := range 50 {
						if i == 0 {
							_, _ = near.WriteTo(make([]byte, n%7), FarAddr())
						} else {
							_, _ = far.WriteTo(make([]byte, n%5), client(1))
						}
						time.Sleep(time.Second / 4)
					}
				})
			}
			writers.Wait()
			time.Sleep(time.Hour)
			synctest.Wait()
		})
		return trace
	}
	first := run()
	require.Len(t, first, 100)
	for range 20 {
		require.Equal(t, first, run())
	}
}

// TestCloseWithTurnsWaiting leaves no goroutine behind.
func TestCloseWithTurnsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(radio80())
		near := l.Dial(client(1))
		for range 3 {
			send(t, near, 1000)
		}
		synctest.Wait()
		require.NoError(t, l.Close())
	})
}
