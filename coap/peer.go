package coap

import (
	"context"
	"net"

	"github.com/coapgw/coapgw/coap/link"
)

// Peer is who sent a request.
type Peer struct {
	// Identity is what the peer proved to be: its PSK identity or the name of its
	// certificate. It is empty where the link proves nothing.
	Identity string
	// Addr is where its datagrams come from at the moment. It may be forged on an
	// insecure link, and changes: it names nobody.
	Addr net.Addr
	// Link is what the session goes by: what the peer has told, as far as it was
	// granted, or else the Server's Profile.
	Link link.Profile
}

type peerKey struct{}

// PeerFrom returns the peer whose request has this context.
func PeerFrom(ctx context.Context) (Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(Peer)
	return p, ok
}

// identity asks a connection whom the handshake proved the peer to be.
func identity(conn net.Conn) string {
	if p, ok := conn.(interface{ PeerIdentity() string }); ok {
		return p.PeerIdentity()
	}
	return ""
}
