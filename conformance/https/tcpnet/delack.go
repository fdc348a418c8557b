package tcpnet

import (
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/seqnum"
)

// delayedAckTimeout is how long Linux holds an acknowledgement at least
// (TCP_DELACK_MIN); RFC 1122 §4.2.3.2 allows half a second.
const delayedAckTimeout = 40 * time.Millisecond

// delayedAcks holds the acknowledgements of one host as RFC 1122 §4.2.3.2 says;
// gVisor sends them at once. Most then travel with data, and of the others there
// is one for every second segment. Counting the rest would make HTTPS dearer than
// it is.
type delayedAcks struct {
	clock *clock
	mss   int
	send  func(packet []byte)

	mu    sync.Mutex
	flows map[flow]*ackState
}

// flow is a TCP connection as its sender sees it.
type flow struct{ from, to uint16 }

// ackState is what a flow has acknowledged.
type ackState struct {
	any   bool // whether it has acknowledged anything
	sent  seqnum.Value
	held  []byte // a packet that is not sent yet
	timer tcpip.Timer
}

// packet sends an IP packet, now or later.
func (d *delayedAcks) packet(p []byte) {
	tcp := header.TCP(header.IPv4(p).Payload())
	ack := seqnum.Value(tcp.AckNumber())
	key := flow{tcp.SourcePort(), tcp.DestinationPort()}
	d.mu.Lock()
	defer d.mu.Unlock()
	state := d.flows[key]
	if state == nil {
		state = new(ackState)
		d.flows[key] = state
	}
	if state.any && d.mayWait(state, tcp) {
		if state.held == nil {
			state.timer = d.clock.AfterFunc(delayedAckTimeout, func() { d.expired(state) })
		}
		state.held = p
		return
	}
	if state.held != nil { // this packet says the same or more
		state.timer.Stop()
		state.held = nil
	}
	if tcp.Flags().Contains(header.TCPFlagAck) {
		state.any, state.sent = true, ack
	}
	d.send(p)
}

// mayWait reports whether a segment does nothing but acknowledge less than two
// full segments that came in order. A repeated number asks for a retransmission
// or opens the window.
func (d *delayedAcks) mayWait(state *ackState, tcp header.TCP) bool {
	if tcp.Flags() != header.TCPFlagAck || len(tcp.Payload()) > 0 || len(tcp.ParsedOptions().SACKBlocks) > 0 {
		return false
	}
	last, ack := state.sent, seqnum.Value(tcp.AckNumber())
	if int(last.Size(ack)) > d.mss {
		return false
	}
	if state.held != nil {
		last = seqnum.Value(header.TCP(header.IPv4(state.held).Payload()).AckNumber())
	}
	return last.LessThan(ack)
}

// expired sends what was held for long enough.
func (d *delayedAcks) expired(state *ackState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if state.held == nil {
		return
	}
	state.sent = seqnum.Value(header.TCP(header.IPv4(state.held).Payload()).AckNumber())
	d.send(state.held)
	state.held = nil
}
