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
	// wire is the field's number in AppendWire, in ascending order and never given
	// to another field; 0 is for what does not matter to the other end.
	wire uint8
	// at returns a *string, *int, *float64, *bool or *time.Duration.
	at func(*Profile) any
}

// fields are all of them but base, which comes first in any case.
func fields() []field {
	return []field{
		{"name", 0, func(p *Profile) any { return &p.Name }},
		{"ack-timeout", 1, func(p *Profile) any { return &p.AckTimeout }},
		{"ack-random-factor", 2, func(p *Profile) any { return &p.AckRandomFactor }},
		{"max-retransmit", 3, func(p *Profile) any { return &p.MaxRetransmit }},
		{"nstart", 4, func(p *Profile) any { return &p.NStart }},
		{"max-latency", 5, func(p *Profile) any { return &p.MaxLatency }},
		{"empty-ack-delay", 6, func(p *Profile) any { return &p.EmptyAckDelay }},
		{"block-size", 7, func(p *Profile) any { return &p.BlockSize }},
		{"mtu", 8, func(p *Profile) any { return &p.MTU }},
		{"mtu-up", 9, func(p *Profile) any { return &p.MTUUp }},
		{"mtu-down", 10, func(p *Profile) any { return &p.MTUDown }},
		{"flight-interval", 0, func(p *Profile) any { return &p.FlightInterval }},
		{"handshake-timeout", 0, func(p *Profile) any { return &p.HandshakeTimeout }},
		{"keepalive", 0, func(p *Profile) any { return &p.KeepAlive }},
		{"rate-up", 11, func(p *Profile) any { return &p.RateUp }},
		{"rate-down", 12, func(p *Profile) any { return &p.RateDown }},
		{"delay", 13, func(p *Profile) any { return &p.OneWayDelay }},
		{"jitter", 14, func(p *Profile) any { return &p.Jitter }},
		{"mean-good", 0, func(p *Profile) any { return &p.Loss.MeanGood }},
		{"mean-bad", 0, func(p *Profile) any { return &p.Loss.MeanBad }},
		{"loss-good", 0, func(p *Profile) any { return &p.Loss.LossGood }},
		{"loss-bad", 0, func(p *Profile) any { return &p.Loss.LossBad }},
		{"overhead", 15, func(p *Profile) any { return &p.Overhead }},
		{"frame", 16, func(p *Profile) any { return &p.Frame }},
		{"queue-up", 17, func(p *Profile) any { return &p.QueueUp }},
		{"queue-down", 18, func(p *Profile) any { return &p.QueueDown }},
		{"half-duplex", 19, func(p *Profile) any { return &p.HalfDuplex }},
		{"turnaround", 20, func(p *Profile) any { return &p.Turnaround }},
		{"preamble", 21, func(p *Profile) any { return &p.Preamble }},
		{"max-turn", 22, func(p *Profile) any { return &p.MaxTurn }},
		{"min-gap", 23, func(p *Profile) any { return &p.MinGap }},
		{"contact-window", 24, func(p *Profile) any { return &p.ContactWindow }},
		{"contact-period", 25, func(p *Profile) any { return &p.ContactPeriod }},
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
