package policy

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// Tier is a class of links by what they carry in the long run.
type Tier uint8

// The tiers, by bit/s in the slower direction.
const (
	// Fast: 64,000 and more, or not known.
	Fast Tier = iota
	// Moderate: 2000 and more.
	Moderate
	// Slow: 300 and more.
	Slow
	// Slowest: less.
	Slowest
)

const tiers = int(Slowest) + 1

// tierFrom are the least rates of the tiers, in bit/s.
var tierFrom = [tiers]float64{Fast: 64_000, Moderate: 2000, Slow: 300}

var tierNames = [tiers]string{"fast", "moderate", "slow", "slowest"}

// String returns the name of the tier in documents.
func (t Tier) String() string {
	if int(t) < tiers {
		return tierNames[t]
	}
	return "unknown"
}

// TierOf returns the tier of a link.
func TierOf(p link.Profile) Tier {
	rate := min(known(Rate(p, true)), known(Rate(p, false)))
	for t := Fast; t < Slowest; t++ {
		if rate >= tierFrom[t] {
			return t
		}
	}
	return Slowest
}

// known takes a rate that is not known for a high one: it is that of an ordinary path.
func known(rate float64) float64 {
	if rate <= 0 {
		return tierFrom[Fast]
	}
	return rate
}

// Rate returns what a link carries in the long run in one direction, in bit/s: its
// rate, of which contact windows leave a part, or the largest message in each gap. It is
// 0 where nothing is known.
func Rate(p link.Profile, up bool) float64 {
	rate := p.RateDown
	if up {
		rate = p.RateUp
	}
	if p.ContactPeriod > 0 {
		rate *= float64(p.ContactWindow) / float64(p.ContactPeriod)
	}
	if p.MinGap > 0 {
		messages := float64(p.MaxDatagram(up)) * 8 * float64(time.Second) / float64(p.MinGap)
		if rate <= 0 || messages < rate {
			rate = messages
		}
	}
	return rate
}
