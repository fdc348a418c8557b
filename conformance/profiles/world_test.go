package profiles

import (
	"testing"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// world is a pair in front of a homeserver.
type world struct {
	*virtual.Pair
	profile    link.Profile
	homeserver *homeserver
}

// inWorld runs f with a pair over the link, whose client uses profile p and whose
// server, which has no profile, learns it from the client.
func inWorld(t *testing.T, p link.Profile, l linkemu.Config, f func(*world)) {
	hs := newHomeserver(t)
	virtual.Run(t, virtual.Config{Client: p, Link: l, Homeserver: hs}, func(pair *virtual.Pair) {
		f(&world{pair, p, hs})
	})
}

// settle waits, in virtual time, until nothing is sent any more.
func (w *world) settle() { time.Sleep(w.profile.MaxTransmitWait()) }
