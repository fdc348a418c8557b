package delivery_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/delivery"
	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// stand is a pair on which each exchange takes a second and its Hold, and 10 B.
type stand struct {
	now, answered time.Time
	stats         linkemu.Stats
	asked         map[string]int
	fails         bool
}

var errFails = errors.New("fails")

func (s *stand) Do(limit time.Duration, exchanges ...operations.Exchange) (time.Duration, error) {
	begun := s.now
	for _, e := range exchanges {
		if s.fails {
			return 0, errFails
		}
		s.asked[e.Request.URI]++
		s.stats.Up.Bytes += 10
		s.answered = s.now.Add(e.Hold)
		s.now = s.answered.Add(time.Second)
		if s.now.Sub(begun) > limit {
			s.now = begun.Add(limit)
			return limit, errFails
		}
	}
	return s.now.Sub(begun), nil
}
func (s *stand) Rest(d time.Duration) { s.now = s.now.Add(d) }
func (s *stand) Now() time.Time       { return s.now }
func (s *stand) Answered() time.Time  { return s.answered }
func (s *stand) Stats() linkemu.Stats { return s.stats }

func TestMeasure(t *testing.T) {
	steps, err := delivery.Steps()
	require.NoError(t, err)
	for _, step := range steps {
		pair := &stand{now: time.Unix(0, 0), asked: make(map[string]int)}
		want := delivery.Cost{Took: time.Second, Up: 10}
		if step.Name == delivery.Idle {
			want = delivery.Cost{Took: time.Hour, Up: 117 * 10} // of 31 s, the last one cut off
		}
		assert.Equal(t, want, step.Measure(pair), step.Name)
		if step.Name == delivery.Send {
			assert.Len(t, pair.asked, 12, "ten messages that differ, and the warm-up")
		}
		assert.Equal(t, delivery.Cost{Failed: true}, step.Measure(&stand{fails: true}), step.Name)
	}
}

func TestOn(t *testing.T) {
	steps, err := delivery.Steps()
	require.NoError(t, err)
	on := func(name string) (found []string) {
		p, ok := link.ByName(name)
		require.True(t, ok)
		for _, s := range steps {
			if s.On(p) {
				found = append(found, s.Name)
			}
		}
		return found
	}
	assert.Len(t, on("geo-vsat"), len(steps))
	assert.Equal(t, []string{"connect", "send", "message", "lazy", "initial", "idle"}, on("nbiot-ce2"))
	assert.Equal(t, []string{"connect", "send", "message", "idle"}, on("hf-vara500"))
	assert.Equal(t, []string{"connect", "send", "message", "idle"}, on("iridium-sbd"))
}

func TestLess(t *testing.T) {
	order := []delivery.Cost{{Took: 1, Up: 2, Down: 2}, {Took: 1, Up: 1, Down: 4}, {Took: 2}, {Failed: true}}
	for i, a := range order {
		for j, b := range order {
			assert.Equal(t, i < j, a.Less(b), "%v, %v", a, b)
		}
	}
}

func TestMedian(t *testing.T) {
	costs := []delivery.Cost{{Took: 3, Up: 1, Down: 9}, {Failed: true}, {Took: 1, Up: 3, Down: 7}, {Took: 2, Up: 2, Down: 8}}
	assert.Equal(t, delivery.Cost{Took: 2, Up: 2, Down: 8}, delivery.Median(costs))
	assert.Equal(t, delivery.Cost{Took: 1, Up: 3, Down: 7}, delivery.Median(costs[1:3]))
	assert.Equal(t, delivery.Cost{Failed: true}, delivery.Median([]delivery.Cost{{Failed: true}, {Failed: true}, {Took: 1}}))
}

func TestTable(t *testing.T) {
	rows := []delivery.Row{
		{"gprs", delivery.Send, delivery.HTTP2, delivery.Usual, delivery.Cost{Took: 1234 * time.Millisecond, Up: 5, Down: 6}},
		{"gprs", delivery.Send, delivery.HTTP1, delivery.Lossless, delivery.Cost{Failed: true}},
	}
	var file bytes.Buffer
	require.NoError(t, delivery.WriteTable(&file, "# what\n", rows))
	got, err := delivery.ReadTable(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	assert.Equal(t, rows, got)
	for _, line := range []string{"a\tb", "a\tb\tc\td\tx\t1\t1", "a\tb\tc\td\t1\tx\t1", "a\tb\tc\td\t1\t1\tx"} {
		_, err := delivery.ReadTable(bytes.NewReader([]byte(line)))
		require.Error(t, err, line)
	}
}
