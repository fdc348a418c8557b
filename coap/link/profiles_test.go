package link

import (
	"encoding/json"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// published is one profile of testdata/profiles.json, as this project received it.
type published struct {
	Name string
	Link struct {
		RateUp   float64 `json:"rate_up_bps"`
		RateDown float64 `json:"rate_down_bps"`
		Delay    float64 `json:"one_way_delay_s"`
		Jitter   float64 `json:"jitter_s"`
		Loss     struct {
			MeanGood float64 `json:"mean_good_s"`
			MeanBad  float64 `json:"mean_bad_s"`
			LossGood float64 `json:"loss_good"`
			LossBad  float64 `json:"loss_bad"`
		} `json:"gilbert_elliott"`
		MTU        float64 `json:"mtu_udp_payload_B"`
		MTUUp      float64 `json:"mtu_up_B"`
		MTUDown    float64 `json:"mtu_down_B"`
		QueueUp    float64 `json:"queue_up_B"`
		QueueDown  float64 `json:"queue_down_B"`
		Overhead   float64 `json:"lower_layer_overhead_per_datagram_B"`
		HalfDuplex bool    `json:"half_duplex"`
		Turnaround float64 `json:"turnaround_s"`
		Preamble   float64 `json:"preamble_s"`
		Period     float64 `json:"contact_period_s"`
		Window     float64 `json:"contact_window_s"`
		MinGap     float64 `json:"min_gap_between_messages_s"`
	}
	CoAP struct {
		AckTimeout    float64 `json:"ACK_TIMEOUT_s"`
		MaxRetransmit float64 `json:"MAX_RETRANSMIT"`
		BlockSize     float64 `json:"block_size_B"`
		MaxLatency    float64 `json:"MAX_LATENCY_s"`
		Derived       struct {
			Span     float64 `json:"MAX_TRANSMIT_SPAN"`
			Wait     float64 `json:"MAX_TRANSMIT_WAIT"`
			Lifetime float64 `json:"EXCHANGE_LIFETIME"`
		}
	}
	DTLS struct {
		FlightInterval float64 `json:"flight_interval_s"`
	}
	KeepAlive float64 `json:"keepalive_s"`
}

// values are what the file says of a profile, by the names of Parse.
func (p published) values() map[string]float64 {
	v := map[string]float64{
		"rate-up": p.Link.RateUp, "rate-down": p.Link.RateDown, "delay": p.Link.Delay, "jitter": p.Link.Jitter,
		"mean-good": p.Link.Loss.MeanGood, "mean-bad": p.Link.Loss.MeanBad,
		"loss-good": p.Link.Loss.LossGood, "loss-bad": p.Link.Loss.LossBad,
		"mtu": p.Link.MTU, "mtu-up": p.Link.MTUUp, "queue-up": p.Link.QueueUp, "queue-down": p.Link.QueueDown,
		"overhead": p.Link.Overhead, "half-duplex": 0, "turnaround": p.Link.Turnaround, "preamble": p.Link.Preamble,
		"contact-period": p.Link.Period, "contact-window": p.Link.Window, "min-gap": p.Link.MinGap,
		"ack-timeout": p.CoAP.AckTimeout, "max-retransmit": p.CoAP.MaxRetransmit,
		"block-size": p.CoAP.BlockSize, "max-latency": p.CoAP.MaxLatency,
		"MAX_TRANSMIT_SPAN": p.CoAP.Derived.Span, "MAX_TRANSMIT_WAIT": p.CoAP.Derived.Wait,
		"EXCHANGE_LIFETIME": p.CoAP.Derived.Lifetime,
		"flight-interval":   p.DTLS.FlightInterval, "keepalive": p.KeepAlive,
	}
	if p.Link.HalfDuplex {
		v["half-duplex"] = 1
	}
	if p.Link.MTUDown != p.Link.MTU {
		v["mtu-down"] = p.Link.MTUDown
	}
	return v
}

// values are ours for the same names.
func (p Profile) values() map[string]float64 {
	v := map[string]float64{
		"MAX_TRANSMIT_SPAN": p.MaxTransmitSpan().Seconds(),
		"MAX_TRANSMIT_WAIT": p.MaxTransmitWait().Seconds(),
		"EXCHANGE_LIFETIME": p.ExchangeLifetime().Seconds(),
	}
	for _, f := range fields() {
		switch at := f.at(&p).(type) {
		case *int:
			v[f.name] = float64(*at)
		case *float64:
			v[f.name] = *at
		case *time.Duration:
			v[f.name] = at.Seconds()
		case *bool:
			v[f.name] = 0
			if *at {
				v[f.name] = 1
			}
		}
	}
	return v
}

// corrections are where Profiles differs from the file, and why is written in
// docs/decisions/0006-link-profiles.md.
var corrections = map[string]map[string]float64{
	"leo-broadband": {"EXCHANGE_LIFETIME": 49},
	"geo-vsat":      {"EXCHANGE_LIFETIME": 76.5},
	"bgan":          {"EXCHANGE_LIFETIME": 127.5},
	"certus100":     {"EXCHANGE_LIFETIME": 253.5},
	"iridium-2400":  {"EXCHANGE_LIFETIME": 535, "flight-interval": 8},
	"gprs":          {"EXCHANGE_LIFETIME": 267.5},
	"nbiot-ce2":     {"EXCHANGE_LIFETIME": 590, "block-size": 1024},
	"sixlowpan": {
		"frame": 102, "block-size": 256, "max-retransmit": 5,
		"MAX_TRANSMIT_SPAN": 93, "MAX_TRANSMIT_WAIT": 189, "EXCHANGE_LIFETIME": 105,
	},
	"meshtastic-lf": {"EXCHANGE_LIFETIME": 832.5},
	"vhf-ax25-1200": {"EXCHANGE_LIFETIME": 535, "mtu": 228, "flight-interval": 12},
	"hf-s5066-2400": {
		"block-size": 1024, "max-retransmit": 5,
		"MAX_TRANSMIT_SPAN": 1162.5, "MAX_TRANSMIT_WAIT": 2362.5, "EXCHANGE_LIFETIME": 1447.5,
	},
	"hf-s5066-75": {"block-size": 512, "mtu": 640},
	"hf-vara500": {
		"block-size": 256, "max-retransmit": 5,
		"MAX_TRANSMIT_SPAN": 2092.5, "MAX_TRANSMIT_WAIT": 4252.5, "EXCHANGE_LIFETIME": 2377.5,
	},
	"fosdem-100bps": {"block-size": 256, "mtu": 548},
	"leo-pass": {
		"mtu": 548, "max-retransmit": 9,
		"MAX_TRANSMIT_SPAN": 4599, "MAX_TRANSMIT_WAIT": 9207, "EXCHANGE_LIFETIME": 16005,
	},
	"iridium-sbd": {
		"ack-timeout": 120, "max-retransmit": 5, "flight-interval": 120,
		"MAX_TRANSMIT_SPAN": 5580, "MAX_TRANSMIT_WAIT": 11340, "EXCHANGE_LIFETIME": 5940,
	},
}

// TestProfilesArePublished compares each row with the file, value by value: what
// differs is in corrections, and nothing else is.
func TestProfilesArePublished(t *testing.T) {
	data, err := os.ReadFile("testdata/profiles.json")
	require.NoError(t, err)
	var file struct{ Profiles []published }
	require.NoError(t, json.Unmarshal(data, &file))
	ours := Profiles()
	require.Len(t, ours, len(file.Profiles))
	for i, theirs := range file.Profiles {
		require.Equal(t, theirs.Name, ours[i].Name)
		got, differ := ours[i].values(), map[string]float64{}
		for name, value := range theirs.values() {
			if got[name] != value {
				differ[name] = got[name]
			}
		}
		if ours[i].Frame != 0 { // the file knows no frames
			differ["frame"] = float64(ours[i].Frame)
		}
		assert.Equal(t, corrections[theirs.Name], differ, theirs.Name)
	}
}

// What a message carries beside its block: record and message headers at most,
// and the options of a first answer.
const (
	recordHeaders  = 45
	optionsOfFirst = 60
)

// flight lengths of a handshake in bytes: the longest with a key, as measured, and
// a certificate's with room for a chain of one.
const (
	keyFlight         = 160
	certificateFlight = 1000
)

// datagrams is how long bytes in full datagrams take to arrive.
func (p Profile) datagrams(bytes int, up bool) time.Duration {
	d, size := time.Duration(0), p.MaxDatagram(up)
	for ; bytes > size; bytes -= size {
		d += p.Airtime(size, up) + p.MinGap
	}
	return d + p.Transit(bytes, up)
}

// goodput is the bit/s of a download by blocks of the given size.
func (p Profile) goodput(block int) float64 {
	d := p.Transit(recordHeaders+15, true) + p.Transit(block+recordHeaders+15, false)
	return float64(block) * 8 / d.Seconds()
}

// TestProfilesAreConsistent holds each row against itself.
func TestProfilesAreConsistent(t *testing.T) {
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			require.NoError(t, p.Validate())
			assert.NotEmpty(t, p.Description)

			// An answer that comes within EmptyAckDelay goes on the acknowledgement,
			// and that comes before the request is sent again.
			held := p.datagrams(p.MaxDatagram(true), true) + p.EmptyAckDelay + p.Transit(emptyAck, false)
			assert.LessOrEqual(t, held, p.AckTimeout, "EmptyAckDelay")
			assert.LessOrEqual(t, p.EmptyAckDelay, p.AckTimeout/2, "EmptyAckDelay")

			// A copy leaves the queue before its message ID is free again.
			for _, up := range []bool{true, false} {
				assert.Less(t, p.queueTime(up)+p.Closed(), p.ExchangeLifetime())
			}

			// Fewer than one exchange in 10,000 is given up.
			lost := 1 - pow(1-p.Loss.Mean(), 2*p.Frames(p.BlockSize+recordHeaders))
			assert.Less(t, pow(lost, p.MaxRetransmit+1), 1e-4, "MaxRetransmit")
			// Nor is one because the link is closed.
			wait := time.Duration(int64(1)<<(p.MaxRetransmit+1)-1) * p.AckTimeout
			assert.Greater(t, wait, p.Closed(), "MaxRetransmit")

			// A block with its headers fits, and a larger one would not pay or not fit.
			assert.LessOrEqual(t, p.BlockSize+recordHeaders, p.MTU)
			if next := 2 * p.BlockSize; p.NStart == 1 && p.RateDown > 0 && next <= 1024 && next+recordHeaders+optionsOfFirst <= p.MTU {
				assert.Greater(t, p.goodput(p.BlockSize), p.RateDown/4, "BlockSize")
			}
			// What NStart lets out fits the queue.
			block := p.BlockSize + recordHeaders + optionsOfFirst
			if p.QueueUp > 0 {
				assert.LessOrEqual(t, p.NStart*(block+p.Overhead*p.Frames(block)), p.QueueUp, "NStart")
			}

			// No flight is repeated unless one is lost. Below 300 bit/s certificates
			// are not for use.
			assert.Less(t, p.datagrams(keyFlight, true)+p.datagrams(keyFlight, false), p.FlightInterval)
			if p.RateDown >= 300 {
				assert.Less(t, p.datagrams(keyFlight, true)+p.datagrams(certificateFlight, false), p.FlightInterval)
			}
			// Three flights of the client, cookie included, each repeated
			// MaxRetransmit times.
			assert.GreaterOrEqual(t, p.HandshakeTimeout, 3*p.flightTime()+p.Closed())
			assert.Less(t, p.HandshakeTimeout, 4*time.Hour)

			if p.HalfDuplex {
				assert.GreaterOrEqual(t, p.MaxTurn, p.Airtime(p.MTU, true))
				assert.GreaterOrEqual(t, p.MaxTurn, p.Airtime(p.MTU, false))
			} else {
				assert.Zero(t, p.Turnaround+p.Preamble+p.MaxTurn)
			}
		})
	}
}

func pow(x float64, n int) float64 {
	y := 1.0
	for range n {
		y *= x
	}
	return y
}

// queueTime is how long a full queue and the datagram in front of it take.
func (p Profile) queueTime(up bool) time.Duration {
	queue, rate := p.QueueDown, p.RateDown
	if up {
		queue, rate = p.QueueUp, p.RateUp
	}
	if rate == 0 {
		return 0
	}
	d := time.Duration(float64(queue)*8/rate*float64(time.Second)) + p.Airtime(p.MTU, up)
	if p.HalfDuplex { // the other side has its turns meanwhile
		d += (d/p.MaxTurn + 1) * (p.MaxTurn + 2*(p.Turnaround+p.Preamble))
	}
	return d
}

// flightTime is how long a flight is repeated. The handshake doubles its interval
// up to a minute, and leaves a longer one as it is (RFC 6347 §4.2.4.1).
func (p Profile) flightTime() time.Duration {
	sum, interval := time.Duration(0), p.FlightInterval
	for range p.MaxRetransmit + 1 {
		sum += interval
		if interval < time.Minute {
			interval = min(2*interval, time.Minute)
		}
	}
	return sum
}

// TestDerivedTimes checks §4.8.2 against the figures that the RFC prints for its
// defaults.
func TestDerivedTimes(t *testing.T) {
	p := Default()
	assert.Equal(t, 45*time.Second, p.MaxTransmitSpan())
	assert.Equal(t, 93*time.Second, p.MaxTransmitWait())
	assert.Equal(t, 2*time.Second, p.ProcessingDelay())
	assert.Equal(t, 202*time.Second, p.MaxRTT())
	assert.Equal(t, 247*time.Second, p.ExchangeLifetime())
	assert.Equal(t, 145*time.Second, p.NonLifetime())
}

func TestByName(t *testing.T) {
	names := Names()
	require.Len(t, names, 17)
	seen := maps.Collect(func(yield func(string, bool) bool) {
		for _, n := range names {
			yield(n, true)
		}
	})
	assert.Len(t, seen, len(names), "a name twice")
	for _, name := range names {
		p, ok := ByName(name)
		require.True(t, ok)
		assert.Equal(t, name, p.Name)
		require.NoError(t, p.Validate())
	}
	_, ok := ByName("pigeon")
	assert.False(t, ok)
}

func TestAirtime(t *testing.T) {
	get := func(name string) Profile {
		p, ok := ByName(name)
		require.True(t, ok)
		return p
	}
	hf, sbd, wpan, sat := get("hf-s5066-75"), get("iridium-sbd"), get("sixlowpan"), get("geo-vsat")
	assert.Equal(t, 8*time.Second, hf.Airtime(45, true)) // 75 bytes
	assert.Equal(t, 22800*time.Millisecond, hf.Transit(45, false))
	assert.Zero(t, sbd.Airtime(340, true))
	assert.Equal(t, 56*time.Second, sbd.Transit(340, true))
	assert.Equal(t, 340, sbd.MaxDatagram(true))
	assert.Equal(t, 270, sbd.MaxDatagram(false))
	assert.Equal(t, 10160*time.Microsecond, wpan.Airtime(102, true))
	assert.Equal(t, 12240*time.Microsecond, wpan.Airtime(103, true), "a second frame")
	assert.Equal(t, 1, wpan.Frames(0))
	assert.Equal(t, 10*sat.Airtime(1222, false), sat.Airtime(1222, true))
	assert.Zero(t, Default().Airtime(1000, true))
	leo := get("leo-pass")
	assert.Equal(t, 87*time.Minute, leo.Closed())
	assert.True(t, sbd.Slow())
	assert.True(t, leo.Slow())
	assert.False(t, sat.Slow())
	assert.False(t, Default().Slow())
}

func TestMeanLoss(t *testing.T) {
	assert.InDelta(t, 0.25*0.8+0.75*0.1, GilbertElliott{3 * time.Second, time.Second, 0.1, 0.8}.Mean(), 1e-12)
	assert.InDelta(t, 0.1, GilbertElliott{LossGood: 0.1}.Mean(), 1e-12)
	assert.Zero(t, GilbertElliott{}.Mean())
}
