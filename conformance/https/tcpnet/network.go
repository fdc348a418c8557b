package tcpnet

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// nic is the network card of each host.
const nic tcpip.NICID = 1

const (
	httpsPort = 443
	// ethernetMTU is the MTU of a link that has none.
	ethernetMTU = 1500
	// receiveBuffer and maxReceiveBuffer are those of Linux (tcp_rmem).
	receiveBuffer    = 128 << 10
	maxReceiveBuffer = 6 << 20
)

// Control is what TCP does against congestion and loss. Both repair losses by
// selective acknowledgements (RFC 2018).
type Control int

const (
	// CUBIC (RFC 9438) finds losses by time (RACK, RFC 8985), as Linux does. Where
	// a queue holds few segments gVisor makes little of it: after a timeout it
	// repairs one loss per round trip.
	CUBIC Control = 0
	// NewReno (RFC 5681) finds losses by repeated acknowledgements (RFC 6675).
	NewReno Control = 1
)

// Network is a client and a server with a link between them.
type Network struct {
	clock   *clock
	link    *linkemu.Link
	transit *transit
	client  *host
	server  *host
	readers sync.WaitGroup

	mu       sync.Mutex
	up, down Traffic
}

// New joins two hosts by the link, whose constrained side is the client. Its seed
// decides what the hosts draw, too. The caller must Close the network.
func New(cfg linkemu.Config, k Control) *Network {
	defer alone()() // a TCP stack has a goroutine for each processor
	n := &Network{clock: &clock{now: epoch}, transit: &transit{packets: make(map[uint64][]byte)}}
	cfg.Now = n.clock.Now
	n.link = linkemu.New(cfg)
	n.link.Tap(n.count)

	near := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: httpsPort}
	n.client = newHost(n.clock, newWire(n.clock, n.transit, n.link.Dial(near), linkemu.FarAddr(), mtu(cfg.Up)), near.IP, k, cfg.Seed)
	far := linkemu.FarAddr().(*net.UDPAddr)
	n.server = newHost(n.clock, newWire(n.clock, n.transit, n.link.Listen(), near, mtu(cfg.Down)), far.IP, k, cfg.Seed+1)
	n.readers.Go(n.client.wire.receive)
	n.readers.Go(n.server.wire.receive)
	return n
}

// mtu is the largest IP packet of a direction.
func mtu(d linkemu.Direction) int {
	if d.MTU == 0 {
		return ethernetMTU
	}
	return d.MTU + ipUDP
}

// Close ends the network with all that is on it.
func (n *Network) Close() {
	n.link.Close()
	n.readers.Wait()
	n.client.stack.Destroy()
	n.server.stack.Destroy()
}

// DialContext opens a TCP connection to the server, whatever the address.
func (n *Network) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	return gonet.DialContextTCP(ctx, n.client.stack, n.server.addr, ipv4.ProtocolNumber)
}

// Listen accepts TCP connections on the server.
func (n *Network) Listen() (net.Listener, error) {
	return gonet.ListenTCP(n.server.stack, n.server.addr, ipv4.ProtocolNumber)
}

// host is one of the two.
type host struct {
	stack *stack.Stack
	wire  *wire
	addr  tcpip.FullAddress
}

// newHost makes a host with one network card. It panics if the stack refuses what
// it is told, for nothing of that depends on the caller.
func newHost(c *clock, w *wire, ip net.IP, k Control, seed uint64) *host {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocolCUBIC},
		Clock:              c,
		SecureRNG:          newRandom(seed),
	})
	set := func(option tcpip.SettableTransportProtocolOption) {
		must(s.SetTransportProtocolOption(tcp.ProtocolNumber, option))
	}
	set(&tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: receiveBuffer, Max: maxReceiveBuffer})
	if k == NewReno {
		control, recovery := tcpip.CongestionControlOption("reno"), tcpip.TCPRecovery(0)
		set(&control)
		set(&recovery)
	}
	h := &host{stack: s, wire: w, addr: tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFromSlice(ip.To4()), Port: httpsPort}}
	must(s.CreateNIC(nic, w.ep))
	must(s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol: ipv4.ProtocolNumber, AddressWithPrefix: h.addr.Addr.WithPrefix(),
	}, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return h
}

func must(err tcpip.Error) {
	if err != nil {
		panic(errors.New(err.String()))
	}
}

// random is a reader that a seed decides, for several goroutines.
type random struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

func newRandom(seed uint64) *random {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return &random{source: rand.NewChaCha8(key)}
}

// Read implements io.Reader.
func (r *random) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.source.Read(p)
}
