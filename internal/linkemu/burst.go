package linkemu

import (
	"math/rand/v2"
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// burst is the state of a Gilbert-Elliott process. It changes at times that the
// seed alone decides, whatever is sent.
type burst struct {
	link.GilbertElliott
	random *rand.Rand
	bad    bool
	until  time.Time // when the state changes
}

func newBurst(g link.GilbertElliott, random *rand.Rand, now time.Time) burst {
	b := burst{GilbertElliott: g, random: random}
	if total := g.MeanGood + g.MeanBad; total > 0 {
		// In the long run the link is bad for this part of the time, and an
		// exponential time remembers nothing, so that it may begin anywhere.
		b.bad = random.Float64() < float64(g.MeanBad)/float64(total)
		b.until = now.Add(b.stay())
	}
	return b
}

func (b *burst) on() bool { return b.GilbertElliott != link.GilbertElliott{} }

// stay draws how long the present state lasts.
func (b *burst) stay() time.Duration {
	mean := b.MeanGood
	if b.bad {
		mean = b.MeanBad
	}
	return max(time.Duration(b.random.ExpFloat64()*float64(mean)), 1)
}

// loss is the probability of loss at t, which must not decrease from call to call.
func (b *burst) loss(t time.Time) float64 {
	for !b.until.IsZero() && !b.until.After(t) {
		b.bad = !b.bad
		b.until = b.until.Add(b.stay())
	}
	if b.bad {
		return b.LossBad
	}
	return b.LossGood
}
