package links

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// ipUDP is what IPv4 and UDP add to each datagram, in bytes.
const ipUDP = 28

// tenSeconds is a link with a round trip of ten seconds. ACK_TIMEOUT is above the
// round trip with its airtimes, so that nothing is sent twice without a loss.
func tenSeconds() link.Profile {
	p := link.Default()
	p.Name = "ten-seconds"
	p.AckTimeout = 15 * time.Second
	p.MaxLatency = 20 * time.Second
	p.FlightInterval = 15 * time.Second
	p.HandshakeTimeout = 10 * time.Minute
	p.NStart = 2
	p.RateUp, p.RateDown = 9600, 9600
	p.OneWayDelay = 5 * time.Second
	return p
}

// hf300 is an HF modem of 300 bit/s. A block with its headers takes about six
// seconds.
func hf300() link.Profile {
	p := link.Default()
	p.Name = "hf-300"
	p.AckTimeout = 45 * time.Second
	p.MaxLatency = 2 * time.Minute
	p.NStart = 1
	p.BlockSize = 128
	p.MTU = 512
	p.FlightInterval = 40 * time.Second
	p.HandshakeTimeout = 20 * time.Minute
	p.RateUp, p.RateDown = 300, 300
	p.OneWayDelay = 2600 * time.Millisecond
	return p
}

// fosdem is the FOSDEM 2019 challenge: 100 bit/s, four seconds of latency and 40 %
// of jitter, which fosdemJitter adds.
func fosdem() link.Profile {
	p := hf300()
	p.Name = "fosdem-100"
	p.AckTimeout = time.Minute
	p.MaxLatency = 3 * time.Minute
	p.RateUp, p.RateDown = 100, 100
	p.OneWayDelay = 4 * time.Second
	return p
}

const fosdemJitter = 1600 * time.Millisecond

// lossy is a link that loses one datagram in five each way. Of the exchanges 36 %
// lose the request or the answer, so that with the four retransmissions of RFC 7252
// §4.8 one exchange in 165 would fail, and every second transfer of a hundred
// blocks; with ten it is one exchange in 76,000.
func lossy() link.Profile {
	p := link.Default()
	p.Name = "lossy"
	p.AckTimeout = 2 * time.Second
	p.MaxRetransmit = 10
	p.MaxLatency = 10 * time.Second
	p.HandshakeTimeout = 10 * time.Minute
	p.RateUp, p.RateDown = 64_000, 64_000
	p.OneWayDelay = 300 * time.Millisecond
	return p
}

// lossOfLossy is the loss each way that lossy is made for.
const lossOfLossy = 0.2

// emulate is the link that the profile describes, without loss.
func emulate(p link.Profile) linkemu.Config {
	return linkemu.Config{
		Up:       linkemu.Direction{Rate: p.RateUp, Delay: p.OneWayDelay, MTU: p.MTU},
		Down:     linkemu.Direction{Rate: p.RateDown, Delay: p.OneWayDelay, MTU: p.MTU},
		Overhead: ipUDP,
	}
}

// defaultTimers is p with the timers that RFC 7252 §4.8 and RFC 6347 §4.2.4.1
// propose.
func defaultTimers(p link.Profile) link.Profile {
	d := link.Default()
	p.AckTimeout, p.MaxLatency, p.EmptyAckDelay = d.AckTimeout, d.MaxLatency, d.EmptyAckDelay
	p.FlightInterval, p.HandshakeTimeout = d.FlightInterval, d.HandshakeTimeout
	return p
}

// referenceLimits is p with what the reference stack does on any link: a flight
// timer of one second and thirty seconds for the handshake.
func referenceLimits(p link.Profile) link.Profile {
	p = defaultTimers(p)
	p.HandshakeTimeout = 30 * time.Second
	return p
}
