package tcpnet

import (
	"encoding/binary"
	"net"
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// ipUDP is the header of a UDP datagram over IPv4 in bytes. Links count datagrams
// by their payload and their Overhead contains these headers, so an IP packet
// crosses as a datagram of its length less ipUDP and is charged as a whole.
const ipUDP = header.IPv4MinimumSize + header.UDPMinimumSize

// transit are the packets on the link. What crosses it in their place is a
// datagram of the right length that begins with a number.
type transit struct {
	mu      sync.Mutex
	next    uint64
	packets map[uint64][]byte
}

// put stores a packet and returns its datagram.
func (t *transit) put(packet []byte) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	t.packets[t.next] = packet
	datagram := make([]byte, len(packet)-ipUDP)
	binary.BigEndian.PutUint64(datagram, t.next)
	return datagram
}

// take returns the packet of a datagram and forgets it.
func (t *transit) take(datagram []byte) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	number := binary.BigEndian.Uint64(datagram)
	packet := t.packets[number]
	delete(t.packets, number)
	return packet
}

// wire leads from a host's stack onto the link and back.
type wire struct {
	transit *transit
	ep      *channel.Endpoint
	conn    *linkemu.Conn
	peer    net.Addr
	acks    *delayedAcks
}

// newWire makes the network card of a host.
func newWire(c *clock, t *transit, conn *linkemu.Conn, peer net.Addr, mtu int) *wire {
	const queue = 1 // WriteNotify empties it
	w := &wire{transit: t, ep: channel.New(queue, uint32(mtu), ""), conn: conn, peer: peer}
	// Nothing on the way changes a packet.
	w.ep.LinkEPCapabilities = stack.CapabilityTXChecksumOffload | stack.CapabilityRXChecksumOffload
	w.acks = &delayedAcks{
		clock: c, mss: mtu - header.IPv4MinimumSize - header.TCPMinimumSize, flows: make(map[flow]*ackState),
		send: func(packet []byte) { _, _ = conn.WriteTo(t.put(packet), peer) }, // fails only at the end
	}
	w.ep.AddNotify(w)
	return w
}

// WriteNotify implements channel.Notification: the stack has sent a packet.
func (w *wire) WriteNotify() {
	for p := w.ep.Read(); p != nil; p = w.ep.Read() {
		view := p.ToView()
		packet := append([]byte(nil), view.AsSlice()...)
		view.Release()
		p.DecRef()
		w.acks.packet(packet)
	}
}

// receive hands the stack what arrives, until the link is closed.
func (w *wire) receive() {
	datagram := make([]byte, 1<<16)
	for {
		n, _, err := w.conn.ReadFrom(datagram)
		if err != nil {
			return
		}
		packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(w.transit.take(datagram[:n]))})
		w.ep.InjectInbound(header.IPv4ProtocolNumber, packet)
		packet.DecRef()
	}
}
