package budgets

import (
	"sync"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// ipUDP is what IPv4 (20) and UDP (8) add to each datagram, in bytes. It counts
// the same on links that compress headers or add others.
const ipUDP = 28

// counter adds up the datagrams of an operation.
type counter struct {
	mu   sync.Mutex
	cost cost
	up   bool // the direction of the last datagram
}

// cost is what an operation costs. Turns are the changes of direction among its
// datagrams, in the order in which they leave.
type cost struct{ up, down, datagramsUp, datagramsDown, turns int }

// packet is a tap of the link.
func (c *counter) packet(p linkemu.Packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cost != (cost{}) && p.Up != c.up {
		c.cost.turns++
	}
	c.up = p.Up
	if size := len(p.Payload) + ipUDP; p.Up {
		c.cost.up += size
		c.cost.datagramsUp++
	} else {
		c.cost.down += size
		c.cost.datagramsDown++
	}
}

// reset begins to count.
func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cost = cost{}
}

func (c *counter) read() cost {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cost
}
