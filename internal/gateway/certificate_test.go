package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestCertificatesOverEachLink: the flights of a handshake with certificates, of which
// the server sends its own before it knows the link, fit the datagrams of every link.
func TestCertificatesOverEachLink(t *testing.T) {
	for _, p := range link.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := linkemu.FromProfile(p, 1)
				cfg.Up.Burst, cfg.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
				l := linkemu.New(cfg)
				defer l.Close()
				pair, err := keys.NewSelfSigned(keys.P256, []string{"gw.example.org"}, time.Now())
				require.NoError(t, err)
				station := Station{
					Handler:  http.NotFoundHandler(),
					Profile:  link.Default(),
					Security: &dtls.Config{Certificates: []tls.Certificate{pair.TLS()}},
				}
				ctx, stop := context.WithCancel(t.Context())
				served := make(chan error)
				go func() { served <- station.Run(ctx, l.Listen()) }()
				fingerprint := pair.Fingerprint()
				dialer := Dialer{
					Profile:  p,
					Security: &dtls.Config{Fingerprint: fingerprint[:]},
					Routes: func(context.Context) ([]Route, error) {
						ship := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40_000}
						return []Route{{Peer: linkemu.FarAddr(), Open: func() (net.PacketConn, error) { return l.Dial(ship), nil }}}, nil
					},
				}
				begun := time.Now()
				conn, err := dialer.Dial(t.Context())
				if assert.NoError(t, err) {
					assert.NoError(t, conn.Close())
				}
				s := l.Stats()
				t.Logf("%v, up %d B in %d datagrams, down %d B in %d", time.Since(begun), s.Up.Payload, s.Up.Datagrams, s.Down.Payload, s.Down.Datagrams)
				assert.Zero(t, s.Up.Violations+s.Down.Violations, "datagrams over the MTU")
				assert.Zero(t, s.Up.Dropped+s.Down.Dropped)
				assert.EqualValues(t, 6, s.Down.Datagrams, "a cookie, four of the certificate's, and Finished")
				stop()
				require.NoError(t, <-served)
			})
		})
	}
}
