package endpoint

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// congestion says how many blocks of a body may be under way (RFC 9177 §7.2 leaves
// this open; RFC 8085 §3.1 asks for it). Where the profile tells the path it starts
// with what fills it and never exceeds that: then only a link that is worse than its
// profile, or shared, can make it smaller. Elsewhere it probes as TCP does (RFC
// 5681 §3.1).
//
// Loss is judged once in a round trip. What the profile's own model explains halves
// nothing: its loss in the good state at any time, and any loss for as long as a bad
// state commonly lasts.
type congestion struct {
	window float64
	full   float64 // what the path takes, 0 where that is not known
	most   float64
	slow   float64 // where slow start ends, in blocks
	loss   link.GilbertElliott

	// The round being judged.
	round            time.Time
	arrived, missing int
	lossy            time.Time // when the present loss began, zero for none
	cut              time.Time // when the window was halved
	again            bool      // a lost block may be sent
}

// lossFactor is how much more than the profile's mean is still explained by it.
const lossFactor = 3

// recovery is the number of round trips without loss after which a window is back from
// nothing to what the path takes.
const recovery = 64

func newCongestion(p path, loss link.GilbertElliott) congestion {
	g := congestion{window: float64(p.window), most: float64(p.most), loss: loss}
	g.slow = g.most
	if p.interval > 0 && p.burst == 0 {
		g.full = g.window
	}
	return g
}

// open reports whether one block more may be sent while so many are under way: the first
// one that a report found lost may at any rate (RFC 5681 §3.2).
func (g *congestion) open(flying int) bool { return g.again || flying < int(g.window) }

// report takes what a report tells of blocks. roundTrip is what one takes, and queued
// says that these waited on their way.
func (g *congestion) report(now time.Time, h heardOf, roundTrip time.Duration, queued bool) {
	g.arrived += h.arrived
	g.missing += h.lost
	g.again = h.lost > 0
	unknown := g.full == 0
	switch {
	case queued || unknown && h.lost > 0:
		// A queue builds up or overflows: a radio link that loses does not delay. What was
		// sent before the window was halved tells nothing new.
		if now.Sub(g.cut) >= max(roundTrip, h.roundTrip) {
			g.cut = now
			g.halve()
		}
	case unknown || g.window < g.slow:
		g.probe(float64(h.arrived))
	}
	if g.round.IsZero() {
		g.round = now
	}
	if now.Sub(g.round) < roundTrip {
		return
	}
	if g.explained() {
		g.lossy = time.Time{}
		if g.full > 0 {
			g.window = min(g.window+max(g.full/recovery, 1), g.most)
		}
	} else {
		if g.lossy.IsZero() {
			g.lossy = g.round
		}
		if !unknown && now.Sub(g.lossy) > lossFactor*g.loss.MeanBad {
			g.halve()
		}
	}
	g.round, g.arrived, g.missing = now, 0, 0
}

// probe grows the window of a path of which nothing is known.
func (g *congestion) probe(arrived float64) {
	if g.window >= g.slow {
		arrived /= g.window
	}
	g.window = min(g.window+arrived, g.most)
}

// explained reports whether the loss of the round is what the good state of the link
// loses; one block more is chance.
func (g *congestion) explained() bool {
	expected := lossFactor * g.loss.LossGood * float64(g.arrived+g.missing)
	if expected > 0 {
		expected++
	}
	return float64(g.missing) <= expected
}

func (g *congestion) halve() {
	g.window = max(g.window/2, min(minWindow, g.most))
	g.slow = g.window
}
