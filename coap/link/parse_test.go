package link

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	vara, _ := ByName("hf-vara500")
	slower := vara
	slower.Name, slower.RateUp, slower.RateDown, slower.AckTimeout = "hf-vara500-changed", 150, 150, 90*time.Second
	own := Default()
	own.Name, own.HalfDuplex, own.Turnaround, own.AckRandomFactor, own.BlockSize = "own", true, 300*time.Millisecond, 2, 64
	for text, want := range map[string]Profile{
		"default":    Default(),
		"hf-vara500": vara,
		"base=hf-vara500,rate-up=150,rate-down=150,ack-timeout=90s":                    slower,
		"rate-up=150,ack-timeout=90s,rate-down=150,base=hf-vara500":                    slower,
		"name=own,half-duplex=true,turnaround=300ms,ack-random-factor=2,block-size=64": own,
	} {
		p, err := Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, p, text)
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{"pigeon", "", "base=pigeon,mtu=100"} {
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrUnknownProfile, text)
		assert.ErrorContains(t, err, "meshtastic-lf")
	}
	for text, name := range map[string]string{
		"wings=2":                       "wings",
		"mtu=100,":                      "",
		"mtu=many":                      "mtu",
		"mtu=10":                        "mtu",
		"delay=3":                       "delay",
		"half-duplex=perhaps":           "half-duplex",
		"loss-good=NaN":                 "loss-good",
		"name=":                         "name",
		"name=two words":                "name",
		"base=hf-vara500,rate-up=30":    "ack-timeout",
		"base=hf-vara500,nstart=2":      "nstart",
		"base=geo-vsat,max-latency=1ms": "max-latency",
	} {
		_, err := Parse(text)
		var e *FieldError
		require.ErrorAs(t, err, &e, text)
		assert.Equal(t, name, e.Field, text)
	}
}

// TestValidate sets each field of a good profile out of its bounds.
func TestValidate(t *testing.T) {
	for name, changes := range map[string][]func(*Profile){
		"name":              {func(p *Profile) { p.Name = "a,b" }, func(p *Profile) { p.Name = string(make([]byte, 100)) }},
		"ack-timeout":       {func(p *Profile) { p.AckTimeout = 0 }, func(p *Profile) { p.AckTimeout = 25 * time.Hour }, func(p *Profile) { p.AckTimeout = time.Second / 2 }},
		"ack-random-factor": {func(p *Profile) { p.AckRandomFactor = 0.9 }, func(p *Profile) { p.AckRandomFactor = 5 }},
		"max-retransmit":    {func(p *Profile) { p.MaxRetransmit = -1 }, func(p *Profile) { p.MaxRetransmit = 13 }},
		"nstart":            {func(p *Profile) { p.NStart = 0 }, func(p *Profile) { p.RateUp, p.AckTimeout, p.MaxLatency = 2400, time.Minute, time.Minute }},
		"max-latency":       {func(p *Profile) { p.MaxLatency = 0 }, func(p *Profile) { p.ContactWindow, p.ContactPeriod = time.Second, time.Hour }},
		"empty-ack-delay":   {func(p *Profile) { p.EmptyAckDelay = -1 }},
		"block-size":        {func(p *Profile) { p.BlockSize = 0 }, func(p *Profile) { p.BlockSize = 100 }, func(p *Profile) { p.BlockSize = 2048 }},
		"mtu":               {func(p *Profile) { p.MTU = 63 }, func(p *Profile) { p.MTU = 65508 }},
		"mtu-up":            {func(p *Profile) { p.MTUUp = p.MTU - 1 }},
		"mtu-down":          {func(p *Profile) { p.MTUDown = 70_000 }},
		"flight-interval":   {func(p *Profile) { p.FlightInterval = 0 }},
		"handshake-timeout": {func(p *Profile) { p.HandshakeTimeout = p.FlightInterval - 1 }},
		"rate-up":           {func(p *Profile) { p.RateUp = -1 }},
		"rate-down":         {func(p *Profile) { p.RateDown = 1e13 }},
		"jitter":            {func(p *Profile) { p.Jitter = -1 }},
		"mean-bad":          {func(p *Profile) { p.Loss.MeanGood = 0 }},
		"loss-bad":          {func(p *Profile) { p.Loss.LossBad = 1.1 }},
		"overhead":          {func(p *Profile) { p.Overhead = -1 }},
		"queue-up":          {func(p *Profile) { p.QueueUp = p.MTU }},
		"queue-down":        {func(p *Profile) { p.QueueDown = -1 }},
		"contact-window":    {func(p *Profile) { p.ContactPeriod = time.Second }, func(p *Profile) { p.ContactWindow = time.Second }},
	} {
		for _, change := range changes {
			p, _ := ByName("geo-vsat")
			change(&p)
			var e *FieldError
			require.ErrorAs(t, p.Validate(), &e, name)
			assert.Equal(t, name, e.Field)
			assert.NotContains(t, e.Error(), "\n")
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("hf-vara500")
	f.Add("base=hf-vara500,rate-up=150,rate-down=150,ack-timeout=90s")
	f.Add("contact-window=480s,contact-period=5700s,max-latency=2h,name=x,mean-good=1s,mean-bad=1s,loss-bad=1")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			assert.Zero(t, p)
			return
		}
		assert.NoError(t, p.Validate())
		for _, d := range []time.Duration{p.MaxTransmitSpan(), p.MaxTransmitWait(), p.ExchangeLifetime(), p.NonLifetime(), p.Transit(p.MTU, true)} {
			assert.GreaterOrEqual(t, d, time.Duration(0), "an overflow")
		}
	})
}
