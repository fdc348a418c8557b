package dtls

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// HandshakeMTU is the largest datagram of a server's flights: the server does not know
// the link before the handshake has ended, and a certificate must get over any. With a
// key all flights are shorter.
func HandshakeMTU(own link.Profile) int {
	mtu := own.MTU
	for _, p := range link.Profiles() {
		mtu = min(mtu, p.MTU)
	}
	return mtu
}

// Lengths of flights in bytes, as measured: a client's of any kind, and a server's with a
// certificate that no other one stands between it and its root, with room.
const (
	clientFlight      = 160
	certificateFlight = 1000
)

// CertificateFlights is how long a client's flight and the server's with its certificate
// take over a link. A profile's FlightInterval is made for those with a key, and on the
// slowest links what is sent again sooner is sent for nothing.
func CertificateFlights(p link.Profile) time.Duration {
	mtu := HandshakeMTU(p)
	d := p.Transit(clientFlight, true)
	rest := certificateFlight
	for ; rest > mtu; rest -= mtu {
		d += p.Airtime(mtu, false) + p.MinGap
	}
	return d + p.Transit(rest, false)
}
