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
