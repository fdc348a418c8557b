package dialer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/pairing"
)

// Route is one way to a server.
type Route struct {
	// Peer is the server's address.
	Peer net.Addr
	// Open makes a fresh socket from which Peer can be reached.
	Open func() (net.PacketConn, error)
}

// Port is that of coaps (RFC 7252 §6.2), where an address names none.
const Port = "5684"

// WithPort adds a port to "host" or "[IPv6]"; "host:port" stays.
func WithPort(address, port string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), port)
}

// FromPairing is where the server of a pairing is, best first, and how it is known.
func FromPairing(p pairing.Pairing) (addresses []string, security *dtls.Config) {
	for _, a := range p.Addresses {
		addresses = append(addresses, WithPort(a, Port))
	}
	security = &dtls.Config{Identity: p.PSK.Identity, Key: p.PSK.Key}
	if p.Fingerprint != nil {
		security.Fingerprint = p.Fingerprint[:]
	}
	return addresses, security
}

// SessionName is dtls.Config.SessionName for the server of these addresses and an identity
// there.
func SessionName(addresses []string, identity string) string {
	return strings.Join(addresses, ",") + "/" + identity
}

// UDP returns routes to servers named "host:port", best first. Names are
// looked up at each call of the result; a name that is not found is an error
// only if no other is. open makes the sockets; nil opens one of UDP on a free port.
func UDP(open func() (net.PacketConn, error), addresses ...string) func(context.Context) ([]Route, error) {
	return func(ctx context.Context) ([]Route, error) {
		var (
			routes []Route
			failed error
		)
		for _, address := range addresses {
			host, service, err := net.SplitHostPort(address)
			if err != nil {
				return nil, fmt.Errorf("server address: %w", err)
			}
			port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
			if err != nil {
				return nil, fmt.Errorf("server address: %w", err)
			}
			ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			for _, ip := range ips {
				routes = append(routes, udpRoute(netip.AddrPortFrom(ip.Unmap(), uint16(port)), open))
			}
		}
		if len(routes) == 0 {
			return nil, failed
		}
		return routes, nil
	}
}

func udpRoute(to netip.AddrPort, open func() (net.PacketConn, error)) Route {
	network := "udp6"
	if to.Addr().Is4() {
		network = "udp4"
	}
	if open == nil {
		open = func() (net.PacketConn, error) { return net.ListenPacket(network, ":0") }
	}
	return Route{Peer: net.UDPAddrFromAddrPort(to), Open: open}
}

var errNoAddress = errors.New("the server has no address")
