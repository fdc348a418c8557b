package tcpnet

import (
	"time"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// Traffic is what crossed the link in one direction, in bytes of whole IP packets.
// Those that were lost on it count.
type Traffic struct{ Bytes, Packets int }

// count is a tap of the link that keeps the traffic.
func (n *Network) count(p linkemu.Packet) {
	if p.Verdict != linkemu.Carried {
		n.transit.take(p.Payload)
	}
	if p.Verdict != linkemu.Carried && p.Verdict != linkemu.Lost {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	t := &n.down
	if p.Up {
		t = &n.up
	}
	t.Bytes += len(p.Payload) + ipUDP
	t.Packets++
}

// Traffic returns what crossed the link so far.
func (n *Network) Traffic() (up, down Traffic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up, n.down
}

// Link returns what the link itself counted: with the overhead of the layers below.
func (n *Network) Link() linkemu.Stats { return n.link.Stats() }

// Now is the time of the network.
func (n *Network) Now() time.Time { return n.clock.Now() }

// Sleep returns after a time of the network.
func (n *Network) Sleep(d time.Duration) {
	done := make(chan struct{})
	n.clock.AfterFunc(d, func() { close(done) })
	<-done
}
