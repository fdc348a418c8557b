package lasting

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// copies sends some of the datagrams again, at once or much later, as a network does
// that duplicates, and somebody who records and replays.
type copies struct {
	w *world
	// share is the part of the datagrams that are copied, late the longest delay.
	share float64
	late  time.Duration

	mu  sync.Mutex
	rng *rand.Rand
}

func newCopies(w *world, share float64, late time.Duration, seed uint64) *copies {
	return &copies{w: w, share: share, late: late, rng: rand.New(rand.NewPCG(seed, 1))}
}

// of sees a datagram that s sends.
func (c *copies) of(s socket, p []byte, to net.Addr) {
	if c == nil {
		return
	}
	c.mu.Lock()
	chosen, after := c.rng.Float64() < c.share, time.Duration(c.rng.Float64()*float64(c.late))
	c.mu.Unlock()
	if !chosen {
		return
	}
	p = append([]byte(nil), p...)
	time.AfterFunc(after, func() {
		if _, err := s.Conn.WriteTo(p, to); err != nil { // its socket is closed by now
			c.w.replay(p, s.LocalAddr(), to)
		}
	})
}

// replay sends a datagram from the address of either end.
func (w *world) replay(p []byte, from, to net.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if from.String() == w.far.LocalAddr().String() {
		_, _ = w.far.WriteTo(p, to)
	} else {
		_, _ = w.stranger.WriteTo(p, to)
	}
}
