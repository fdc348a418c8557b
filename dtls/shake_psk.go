//go:build coapgw_psk

package dtls

import (
	"context"
	"net"
)

// shake runs one handshake.
func (l *clientLink) shake(ctx context.Context, peer net.Addr, cfg Config) (*Conn, error) {
	if !cfg.psk() {
		return nil, ErrKeysOnly
	}
	t, err := l.shakeByKey(ctx, cfg)
	if err != nil {
		return nil, l.explain(ctx, peer, err)
	}
	return l.establish(t, cfg)
}
