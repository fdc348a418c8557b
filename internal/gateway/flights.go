package gateway

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
)

// slowestCertificate is dtls.CertificateFlights of the slowest link that a server grants, or
// of the slowest known one.
func slowestCertificate(granted link.Profile) (d time.Duration) {
	if granted.AckTimeout > 0 {
		return dtls.CertificateFlights(granted)
	}
	for _, p := range link.Profiles() {
		d = max(d, dtls.CertificateFlights(p))
	}
	return d
}
