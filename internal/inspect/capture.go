package inspect

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/coapgw/coapgw/cborcodec/wire2"
)

// Capture writes a report on each datagram of a capture file, and what they cost in all. It
// follows the sessions of those that are not encrypted.
func Capture(w io.Writer, in io.Reader, f *wire2.Format, home string, style Style) error {
	c := capture{w: w, format: f, home: home, style: style, pairs: map[pair]*peers{}}
	others, err := readCapture(in, c.datagram)
	if err != nil {
		return err
	}
	return c.summary(others)
}

// pair are two addresses, the lesser one first.
type pair [2]netip.AddrPort

// peers is what is known of two that talk to each other.
type peers struct {
	*Conversation
	// seen are datagrams and the number of the first that was the same.
	seen map[string]int
}

const (
	// maxPeers is how many pairs of addresses are followed, maxSeen how many datagrams of
	// each are remembered.
	maxPeers = 256
	maxSeen  = 1024
)

type capture struct {
	w      io.Writer
	format *wire2.Format
	home   string
	style  Style
	pairs  map[pair]*peers
	start  time.Time
	count  int
	// datagrams and costs are the sums in both directions: from clients, and to them.
	datagrams [2]int
	costs     [2][layers]int
	again     [2]int
	clients   map[netip.AddrPort]bool
}

func (c *capture) peersOf(d *datagram) *peers {
	key := pair{d.from, d.to}
	if d.to.Compare(d.from) < 0 {
		key = pair{d.to, d.from}
	}
	p := c.pairs[key]
	if p == nil {
		if len(c.pairs) >= maxPeers {
			clear(c.pairs)
		}
		p = &peers{Conversation: NewConversation(c.format, c.home), seen: map[string]int{}}
		c.pairs[key] = p
		if c.clients == nil || len(c.clients) > 4*maxPeers {
			c.clients = map[netip.AddrPort]bool{}
		}
		c.clients[d.from] = true // who speaks first
	}
	return p
}

func (c *capture) datagram(d *datagram) error {
	if c.count == 0 {
		c.start = d.at
	}
	c.count++
	p := c.peersOf(d)
	direction := 1
	if c.clients[d.from] {
		direction = 0
	}
	r := &Report{Title: fmt.Sprintf("%d  %.6f s  %v > %v", c.count, d.at.Sub(c.start).Seconds(), d.from, d.to)}
	r.hide(IP, 0, d.headers, "IP and UDP headers")
	key := string([]byte{byte(direction)}) + string(d.data)
	first := p.seen[key]
	switch {
	case first != 0:
		c.again[direction] += d.headers + len(d.data)
		r.hide(Payload, 0, len(d.data), fmt.Sprintf("datagram %d again", first))
	default:
		p.Datagram(r, d.data)
	}
	if len(p.seen) >= maxSeen {
		clear(p.seen)
	}
	if first == 0 {
		p.seen[key] = c.count
		for l, n := range r.Cost {
			c.costs[direction][l] += n
		}
	}
	c.datagrams[direction]++
	if err := r.Write(c.w, c.style); err != nil {
		return err
	}
	_, err := io.WriteString(c.w, "\n")
	return err
}

// summary writes a table of all layers.
func (c *capture) summary(others int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s %10s %10s\n", "bytes", "up", "down")
	row := func(name string, up, down int) {
		if up+down > 0 {
			fmt.Fprintf(&b, "%-16s %10d %10d\n", name, up, down)
		}
	}
	var sums [2]int
	for l := range layers {
		row(layerNames[l], c.costs[0][l], c.costs[1][l])
		sums[0] += c.costs[0][l]
		sums[1] += c.costs[1][l]
	}
	row("repeated", c.again[0], c.again[1])
	row("all", sums[0]+c.again[0], sums[1]+c.again[1])
	row("datagrams", c.datagrams[0], c.datagrams[1])
	if others > 0 {
		fmt.Fprintf(&b, "%d packets that are not UDP\n", others)
	}
	_, err := io.WriteString(c.w, b.String())
	return err
}
