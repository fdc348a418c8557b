package link

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// FieldError is one field of a profile that cannot work. It fits one line.
type FieldError struct {
	// Profile is the profile's name.
	Profile string
	// Field is the field as Parse names it.
	Field string
	// Problem says what is wrong and what would be right.
	Problem string
}

// Error implements error.
func (e *FieldError) Error() string {
	return fmt.Sprintf("link profile %q: %s %s", e.Profile, e.Field, e.Problem)
}

// Bounds of what a profile may ask for. They keep the arithmetic of this package
// far from overflow and what peers hold for each other bounded.
const (
	maxTimeout    = 24 * time.Hour
	maxRetransmit = 12
	maxNStart     = 64
	minMTU        = 64 // a DTLS handshake fragment with a few bytes of content
	maxMTU        = 65507
	maxRate       = 1e12
	maxQueue      = 1 << 30
	maxName       = 64

	// emptyAck is an empty acknowledgement in a DTLS record, with some room.
	emptyAck = 48
)

// Validate reports what is wrong with p as *FieldError values, joined: values out
// of bounds, and timers that would repeat messages which were not lost.
func (p Profile) Validate() error {
	if err := p.ranges(); err != nil {
		return err
	}
	return p.timers()
}

// ranges checks each value by itself.
func (p Profile) ranges() error {
	v := validation{profile: p.Name}
	v.check("name", validName(p.Name), "must be 1 to %d printable characters without space, comma and equals sign", maxName)
	v.duration("ack-timeout", p.AckTimeout, time.Millisecond)
	v.check("ack-random-factor", p.AckRandomFactor >= 1 && p.AckRandomFactor <= 4, "must be from 1 to 4")
	v.number("max-retransmit", p.MaxRetransmit, 0, maxRetransmit)
	v.number("nstart", p.NStart, 1, maxNStart)
	v.duration("max-latency", p.MaxLatency, time.Millisecond)
	v.duration("empty-ack-delay", p.EmptyAckDelay, 0)
	v.check("block-size", p.BlockSize >= 16 && p.BlockSize <= 1024 && bits.OnesCount(uint(p.BlockSize)) == 1,
		"must be a power of two from 16 to 1024")
	v.number("mtu", p.MTU, minMTU, maxMTU)
	v.check("mtu-up", p.MTUUp == 0 || p.MTUUp >= p.MTU && p.MTUUp <= maxMTU, "must not be below mtu, nor above %d", maxMTU)
	v.check("mtu-down", p.MTUDown == 0 || p.MTUDown >= p.MTU && p.MTUDown <= maxMTU, "must not be below mtu, nor above %d", maxMTU)
	v.duration("flight-interval", p.FlightInterval, time.Millisecond)
	v.duration("handshake-timeout", p.HandshakeTimeout, p.FlightInterval)
	v.duration("keepalive", p.KeepAlive, 0)
	v.check("rate-up", p.RateUp == 0 || p.RateUp >= 1 && p.RateUp <= maxRate, "must be 0 or from 1 to 1e12 bit/s")
	v.check("rate-down", p.RateDown == 0 || p.RateDown >= 1 && p.RateDown <= maxRate, "must be 0 or from 1 to 1e12 bit/s")
	v.duration("delay", p.OneWayDelay, 0)
	v.duration("jitter", p.Jitter, 0)
	v.duration("mean-good", p.Loss.MeanGood, 0)
	v.duration("mean-bad", p.Loss.MeanBad, 0)
	v.check("mean-bad", (p.Loss.MeanGood == 0) == (p.Loss.MeanBad == 0), "needs mean-good, and the other way round")
	v.probability("loss-good", p.Loss.LossGood)
	v.probability("loss-bad", p.Loss.LossBad)
	v.number("overhead", p.Overhead, 0, 1024)
	v.number("frame", p.Frame, 0, maxMTU)
	v.number("queue-up", p.QueueUp, 0, maxQueue)
	v.number("queue-down", p.QueueDown, 0, maxQueue)
	v.duration("turnaround", p.Turnaround, 0)
	v.duration("preamble", p.Preamble, 0)
	v.duration("max-turn", p.MaxTurn, 0)
	v.duration("min-gap", p.MinGap, 0)
	v.duration("contact-period", p.ContactPeriod, 0)
	v.duration("contact-window", p.ContactWindow, 0)
	v.check("contact-window", p.ContactWindow <= p.ContactPeriod && (p.ContactWindow > 0) == (p.ContactPeriod > 0),
		"must be within contact-period, and neither goes without the other")
	return errors.Join(v.errs...)
}

// timers checks the timers against the link, which takes values in their ranges.
func (p Profile) timers() error {
	v := validation{profile: p.Name}
	trip := max(
		p.Transit(p.MaxDatagram(true), true)+p.Transit(emptyAck, false),
		p.Transit(p.MaxDatagram(false), false)+p.Transit(emptyAck, true),
	)
	v.check("ack-timeout", p.AckTimeout >= trip,
		"must be at least %v, a full datagram and its acknowledgement, or messages are repeated without need", roundUp(trip))
	latency := max(p.Transit(p.MaxDatagram(true), true), p.Transit(p.MaxDatagram(false), false)) + p.Closed()
	v.check("max-latency", p.MaxLatency >= latency, "must be at least %v, a full datagram under way", roundUp(latency))
	v.check("nstart", p.NStart == 1 || !p.Slow(), "must be 1 below 10 kbit/s and on links of single messages")
	smallest := p.MTU + p.Overhead*p.Frames(p.MTU)
	v.check("queue-up", p.QueueUp == 0 || p.QueueUp >= smallest, "must hold a full datagram, %d bytes", smallest)
	v.check("queue-down", p.QueueDown == 0 || p.QueueDown >= smallest, "must hold a full datagram, %d bytes", smallest)
	return errors.Join(v.errs...)
}

// validation collects what is wrong with a profile.
type validation struct {
	profile string
	errs    []error
}

func (v *validation) check(field string, ok bool, format string, args ...any) {
	if !ok {
		v.errs = append(v.errs, &FieldError{v.profile, field, fmt.Sprintf(format, args...)})
	}
}

func (v *validation) number(field string, n, low, high int) {
	v.check(field, n >= low && n <= high, "must be from %d to %d", low, high)
}

func (v *validation) duration(field string, d, low time.Duration) {
	v.check(field, d >= low && d <= maxTimeout, "must be from %v to %v", low, maxTimeout)
}

func (v *validation) probability(field string, x float64) {
	v.check(field, x >= 0 && x <= 1 && !math.IsNaN(x), "must be from 0 to 1")
}

// validName tells whether a name can be written in configuration and logs as it
// is.
func validName(name string) bool {
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || c == ',' || c == '=' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= maxName
}

// roundUp makes a bound readable.
func roundUp(d time.Duration) time.Duration { return (d + ms - 1).Truncate(ms) }
