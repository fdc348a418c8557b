package lasting

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// numbers watches that no session sends two records under one epoch and sequence
// number (RFC 9325 §7.2.1). Who sends the same bytes again gives nothing away.
type numbers struct {
	mu sync.Mutex
	// at says which session an address is part of: that of the newest Connection ID
	// which was sent from there.
	at map[string]string
	// seen are the records by session, direction and number.
	seen  map[string]string
	wrong []string
	// shaken are the handshakes by the random of their ClientHello.
	shaken map[string]bool
	sent   []sent
}

// sent is a datagram of either side.
type sent struct {
	up        bool
	size      int
	handshake bool
}

const (
	contentCID       = 25
	contentHandshake = 22
	contentChange    = 20
	headerSize       = 13
	cidSize          = 2
)

func newNumbers() *numbers {
	return &numbers{at: make(map[string]string), seen: make(map[string]string), shaken: make(map[string]bool)}
}

// watch looks at a datagram; it is a tap of the link.
func (n *numbers) watch(p linkemu.Packet) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := p.Payload
	n.sent = append(n.sent, sent{p.Up, len(b), len(b) > 0 && (b[0] == contentHandshake || b[0] == contentChange)})
	for len(b) >= headerSize {
		header := headerSize
		if b[0] == contentCID {
			header += cidSize
		}
		if len(b) < header {
			return
		}
		end := header + int(binary.BigEndian.Uint16(b[header-2:]))
		if len(b) < end {
			return
		}
		n.record(p, b[:end])
		b = b[end:]
	}
}

func (n *numbers) record(p linkemu.Packet, r []byte) {
	epoch, sequence := binary.BigEndian.Uint16(r[3:]), binary.BigEndian.Uint64(r[3:])&(1<<48-1)
	if epoch == 0 {
		// A ClientHello (RFC 6347 §4.2.2, RFC 5246 §7.4.1.2).
		if random := headerSize + 12 + 2; r[0] == contentHandshake && p.Up && len(r) > random+32 && r[headerSize] == 1 {
			n.shaken[string(r[random:random+32])] = true
		}
		return
	}
	client := p.From.String()
	if p.Up && r[0] == contentCID {
		n.at[client] = string(r[headerSize-2 : headerSize-2+cidSize])
	} else if !p.Up {
		client = p.To.String()
	}
	session, known := n.at[client]
	if !known {
		return // a reset for somebody who was never part of a session
	}
	name := fmt.Sprintf("session %x up %t number %d.%d", session, p.Up, epoch, sequence)
	if before, used := n.seen[name]; used && before != string(r) {
		n.wrong = append(n.wrong, name+" was used twice")
	}
	n.seen[name] = string(r)
}

// faults returns the numbers that were used twice.
func (n *numbers) faults() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wrong
}

// handshakes counts the handshakes that were begun.
func (n *numbers) handshakes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.shaken)
}

// datagrams returns what was sent since the last call.
func (n *numbers) datagrams() []sent {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.sent
	n.sent = nil
	return s
}

// reset forgets the records, whose memory would be taken for the pair's.
func (n *numbers) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.seen)
	clear(n.at)
	n.sent = nil
}
