package link

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ErrUnknownProfile is a name that ByName does not know. The error that wraps it
// lists the names.
var ErrUnknownProfile = errors.New("unknown link profile")

// field is a value of a profile that Parse can set.
type field struct {
	name string
	// at returns a *string, *int, *float64, *bool or *time.Duration.
	at func(*Profile) any
}

// fields are all of them but base, which comes first in any case.
func fields() []field {
	return []field{
		{"name", func(p *Profile) any { return &p.Name }},
		{"ack-timeout", func(p *Profile) any { return &p.AckTimeout }},
		{"ack-random-factor", func(p *Profile) any { return &p.AckRandomFactor }},
		{"max-retransmit", func(p *Profile) any { return &p.MaxRetransmit }},
		{"nstart", func(p *Profile) any { return &p.NStart }},
		{"max-latency", func(p *Profile) any { return &p.MaxLatency }},
		{"empty-ack-delay", func(p *Profile) any { return &p.EmptyAckDelay }},
		{"block-size", func(p *Profile) any { return &p.BlockSize }},
		{"mtu", func(p *Profile) any { return &p.MTU }},
		{"mtu-up", func(p *Profile) any { return &p.MTUUp }},
		{"mtu-down", func(p *Profile) any { return &p.MTUDown }},
		{"flight-interval", func(p *Profile) any { return &p.FlightInterval }},
		{"handshake-timeout", func(p *Profile) any { return &p.HandshakeTimeout }},
		{"keepalive", func(p *Profile) any { return &p.KeepAlive }},
		{"rate-up", func(p *Profile) any { return &p.RateUp }},
		{"rate-down", func(p *Profile) any { return &p.RateDown }},
		{"delay", func(p *Profile) any { return &p.OneWayDelay }},
		{"jitter", func(p *Profile) any { return &p.Jitter }},
		{"mean-good", func(p *Profile) any { return &p.Loss.MeanGood }},
		{"mean-bad", func(p *Profile) any { return &p.Loss.MeanBad }},
		{"loss-good", func(p *Profile) any { return &p.Loss.LossGood }},
		{"loss-bad", func(p *Profile) any { return &p.Loss.LossBad }},
		{"overhead", func(p *Profile) any { return &p.Overhead }},
		{"frame", func(p *Profile) any { return &p.Frame }},
		{"queue-up", func(p *Profile) any { return &p.QueueUp }},
		{"queue-down", func(p *Profile) any { return &p.QueueDown }},
		{"half-duplex", func(p *Profile) any { return &p.HalfDuplex }},
		{"turnaround", func(p *Profile) any { return &p.Turnaround }},
		{"preamble", func(p *Profile) any { return &p.Preamble }},
		{"max-turn", func(p *Profile) any { return &p.MaxTurn }},
		{"min-gap", func(p *Profile) any { return &p.MinGap }},
		{"contact-window", func(p *Profile) any { return &p.ContactWindow }},
		{"contact-period", func(p *Profile) any { return &p.ContactPeriod }},
	}
}

// Parse returns the profile that text describes and that Validate accepts: a name
// that ByName knows, or changes to such a profile as key=value, separated by
// commas, for instance
//
//	base=hf-vara500,rate-up=150,rate-down=150,ack-timeout=90s
//
// The keys are base (Default without it), name, and those of the profile's fields
// as *FieldError names them; times have a unit. Errors are ErrUnknownProfile and
// *FieldError.
func Parse(text string) (Profile, error) {
	if !strings.Contains(text, "=") {
		return known(text)
	}
	settings := strings.Split(text, ",")
	p, named := Default(), false
	for _, s := range settings {
		if name, ok := strings.CutPrefix(s, "base="); ok {
			base, err := known(name)
			if err != nil {
				return Profile{}, err
			}
			p = base
		}
	}
	base := p.Name
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		if key == "base" {
			continue
		}
		if err := p.set(key, value); err != nil {
			return Profile{}, &FieldError{text, key, err.Error()}
		}
		named = named || key == "name"
	}
	if !named {
		p.Name = base + "-changed"
	}
	if err := p.Validate(); err != nil {
		return Profile{}, err
	}
	return p, nil
}

func known(name string) (Profile, error) {
	if p, ok := ByName(name); ok {
		return p, nil
	}
	return Profile{}, fmt.Errorf("%w %q: use %s", ErrUnknownProfile, name, strings.Join(Names(), ", "))
}

// set gives one field its value.
func (p *Profile) set(key, value string) (err error) {
	for _, f := range fields() {
		if f.name != key {
			continue
		}
		switch at := f.at(p).(type) {
		case *string:
			*at = value
		case *int:
			*at, err = strconv.Atoi(value)
		case *bool:
			*at, err = strconv.ParseBool(value)
		case *time.Duration:
			*at, err = time.ParseDuration(value)
		case *float64:
			*at, err = strconv.ParseFloat(value, 64)
			if math.IsNaN(*at) {
				err = strconv.ErrRange
			}
		}
		if err != nil {
			return fmt.Errorf("cannot be %q", value)
		}
		return nil
	}
	return errors.New("is no field of a profile")
}
