package gateway

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// handshakeMTU is the largest datagram of a server's flights: the server does not know
// the link before the handshake has ended, and a certificate must get over any. With a
// key all flights are shorter.
func handshakeMTU(own link.Profile) int {
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

// certificateFlights is how long a client's flight and the server's with its certificate
// take over a link. A profile's FlightInterval is made for those with a key, and on the
// slowest links what is sent again sooner is sent for nothing.
func certificateFlights(p link.Profile) time.Duration {
	mtu := handshakeMTU(p)
	d := p.Transit(clientFlight, true)
	rest := certificateFlight
	for ; rest > mtu; rest -= mtu {
		d += p.Airtime(mtu, false) + p.MinGap
	}
	return d + p.Transit(rest, false)
}

// slowestCertificate is certificateFlights of the slowest link that a server grants, or
// of the slowest known one.
func slowestCertificate(granted link.Profile) (d time.Duration) {
	if granted.AckTimeout > 0 {
		return certificateFlights(granted)
	}
	for _, p := range link.Profiles() {
		d = max(d, certificateFlights(p))
	}
	return d
}
