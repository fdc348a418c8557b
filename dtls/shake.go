//go:build !coapgw_psk

package dtls

import (
	"context"
	"fmt"
	"net"

	pion "github.com/pion/dtls/v3"
)

// shake runs one handshake.
func (l *clientLink) shake(ctx context.Context, peer net.Addr, cfg Config) (*Conn, error) {
	p := &pipe{in: l.early, out: l.attempt, local: l.localAddr}
	c, err := pion.ClientWithOptions(p, peer, clientOptions(cfg)...)
	if err != nil {
		return nil, fmt.Errorf("dtls: configuration not accepted: %w", err)
	}
	if err := c.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, l.explain(ctx, peer, err)
	}
	t, err := takeOver(c, p)
	if err != nil {
		return nil, err
	}
	return l.establish(t, cfg)
}
