package link

import (
	"math"
	"time"
)

// scale multiplies a duration by a factor, to the nanosecond.
func scale(d time.Duration, f float64) time.Duration {
	return time.Duration(math.Round(float64(d) * f))
}

// MaxTransmitSpan is MAX_TRANSMIT_SPAN: from the first transmission of a
// confirmable message to its last retransmission (RFC 7252 §4.8.2).
func (p Profile) MaxTransmitSpan() time.Duration {
	return scale(p.AckTimeout, float64(int64(1)<<p.MaxRetransmit-1)*p.AckRandomFactor)
}

// MaxTransmitWait is MAX_TRANSMIT_WAIT: from the first transmission to the moment
// when the sender gives up (RFC 7252 §4.8.2).
func (p Profile) MaxTransmitWait() time.Duration {
	return scale(p.AckTimeout, float64(int64(1)<<(p.MaxRetransmit+1)-1)*p.AckRandomFactor)
}

// ProcessingDelay is PROCESSING_DELAY, set to AckTimeout as RFC 7252 §4.8.2
// proposes.
func (p Profile) ProcessingDelay() time.Duration { return p.AckTimeout }

// MaxRTT is MAX_RTT (RFC 7252 §4.8.2).
func (p Profile) MaxRTT() time.Duration { return 2*p.MaxLatency + p.ProcessingDelay() }

// ExchangeLifetime is EXCHANGE_LIFETIME: how long a message ID of a confirmable
// message stays taken (RFC 7252 §4.8.2).
func (p Profile) ExchangeLifetime() time.Duration {
	return p.MaxTransmitSpan() + p.MaxRTT()
}

// NonLifetime is NON_LIFETIME: how long a message ID of a non-confirmable
// message stays taken (RFC 7252 §4.8.2).
func (p Profile) NonLifetime() time.Duration { return p.MaxTransmitSpan() + p.MaxLatency }

// MaxDatagram is the largest datagram payload in one direction, in bytes.
func (p Profile) MaxDatagram(up bool) int {
	size := p.MTUDown
	if up {
		size = p.MTUUp
	}
	if size == 0 {
		return p.MTU
	}
	return size
}

// Frames is how many frames of the layer below a datagram payload of the given
// length takes, at least one.
func (p Profile) Frames(bytes int) int {
	if p.Frame <= 0 {
		return 1
	}
	return max(1, (bytes+p.Frame-1)/p.Frame)
}

// Airtime is how long the link is busy with a datagram payload of the given
// length, the overhead of the layers below included; 0 where the rate is not
// known.
func (p Profile) Airtime(bytes int, up bool) time.Duration {
	rate := p.RateDown
	if up {
		rate = p.RateUp
	}
	if rate <= 0 {
		return 0
	}
	total := bytes + p.Frames(bytes)*p.Overhead
	return time.Duration(math.Round(float64(total) * 8 / rate * float64(time.Second)))
}

// Transit is the longest that a datagram payload takes from the moment when the
// link is free for its message until it has arrived: airtime, delay and jitter,
// the change of direction on a half-duplex link, and the gap to the message
// before it.
func (p Profile) Transit(bytes int, up bool) time.Duration {
	d := p.Airtime(bytes, up) + p.OneWayDelay + p.Jitter + p.MinGap
	if p.HalfDuplex {
		d += p.Turnaround + p.Preamble
	}
	return d
}

// Closed is how long a link with contact windows is closed at a time.
func (p Profile) Closed() time.Duration { return p.ContactPeriod - p.ContactWindow }

// Slow says that one direction has less than 10 kbit/s, or carries single
// messages: what one request sends delays another, so one at a time is best
// (NStart 1).
func (p Profile) Slow() bool {
	const limit = 10_000
	return p.MinGap > 0 || p.RateUp > 0 && p.RateUp < limit || p.RateDown > 0 && p.RateDown < limit
}
