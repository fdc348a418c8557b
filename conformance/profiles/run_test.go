package profiles

import (
	"testing"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// cost is what a session cost. Bytes count the overhead of the link's lower layers.
type cost struct {
	connect, send, total       time.Duration // send is the mean of ten
	bytesUp, bytesDown         int64
	datagramsUp, datagramsDown int64
	retransmitted, handshake   int64
	turnarounds                int64
}

// outcome is how a session went.
type outcome struct {
	cost
	// failed is the *stepError of the step that failed, nil if all went well.
	failed error
	// faults are what a sender must not do on any link, and how often it did.
	faults map[string]int64
}

// Faults. The last two are such on a link without loss and jitter only.
const (
	dropped  = "datagrams that our own queue dropped"
	oversize = "datagrams over the MTU"
	missing  = "a message acknowledged and not stored, or stored twice"
	flights  = "datagrams of handshake sent twice for nothing"
	twice    = "messages sent twice for nothing"
)

// lossless is seed 0: the link without loss and jitter.
const lossless = 0

// handshakeDatagrams are those of a session with a key (RFC 4279 §2), without
// cookie and without loss.
const handshakeDatagrams = 4

// linkOf is the link of a profile with the luck of a seed. While a pass is awaited the
// interface of the modem is down.
func linkOf(p link.Profile, seed uint64) linkemu.Config {
	l := linkemu.FromProfile(p, seed)
	l.Contact.Known = true
	if seed == lossless {
		for _, d := range []*linkemu.Direction{&l.Up, &l.Down} {
			d.Burst, d.Jitter = link.GilbertElliott{}, 0
		}
	}
	return l
}

// lazy says that a profile is fast enough for the initial sync of an account.
func lazy(p link.Profile) bool { return min(p.RateUp, p.RateDown) >= 1000 }

// run lives a session over the link of profile p, with both ends at the
// parameters of ends.
func run(t *testing.T, p, ends link.Profile, seed uint64) (o outcome) {
	inWorld(t, ends, linkOf(p, seed), func(w *world) {
		s := w.newSession()
		o.failed = s.live(lazy(p))
		w.settle()
		l := w.Link.Stats()
		o.cost = cost{
			connect: s.connected, send: s.sends / 10, total: s.total,
			bytesUp: l.Up.Bytes, bytesDown: l.Down.Bytes,
			datagramsUp: l.Up.Datagrams, datagramsDown: l.Down.Datagrams,
			retransmitted: w.Retransmitted.Load(), handshake: w.Handshakes.Load(),
			turnarounds: l.Turnarounds,
		}
		faults := map[string]int64{
			dropped:  l.Up.Dropped + l.Down.Dropped,
			oversize: l.Up.Violations + l.Down.Violations,
		}
		if !s.intact() {
			faults[missing] = 1
		}
		if seed == lossless {
			faults[flights] = o.handshake - handshakeDatagrams
			faults[twice] = o.retransmitted
		}
		for fault, n := range faults {
			if n == 0 {
				delete(faults, fault)
			}
		}
		o.faults = faults
	})
	return o
}
