package integrity

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/coapgw/coapgw/coap/link"
)

// Bounds of a station, in bytes.
const (
	// MinKey is the least length of a key: shorter ones fall to a search over one
	// recorded hello.
	MinKey = 16
	// MaxCall is the most that a call sign with its suffix may have.
	MaxCall = 16
)

// Station is a call sign and its key.
type Station struct {
	// Call is the call sign, in upper case: letters, digits, "-" and "/". A suffix
	// tells several stations of one operator apart: OE1XYZ-7.
	Call string
	// Key is the secret of the station, MinKey bytes at least. It never goes on air.
	Key []byte
}

// validCall tells whether call can name a station.
func validCall(call string) bool {
	return call != "" && len(call) <= MaxCall && !strings.ContainsFunc(call, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '/'
	})
}

// check returns what is wrong with the station, as a *StationError.
func (s Station) check() error {
	switch {
	case !validCall(s.Call):
		return &StationError{s.Call, fmt.Sprintf("a call sign has 1 to %d upper-case letters, digits, - and /", MaxCall)}
	case len(s.Key) < MinKey:
		return &StationError{s.Call, fmt.Sprintf("its key has %d bytes, at least %d are needed", len(s.Key), MinKey)}
	}
	return nil
}

// Config says who the stations are and what the link bears.
type Config struct {
	// Profile gives a client the first interval between its hellos (FlightInterval),
	// when to give up (HandshakeTimeout), and the MTU.
	Profile link.Profile

	// Station is the client's own.
	Station Station
	// Stations are those that a server serves, MaxStations at most.
	Stations []Station

	// Store, when set, keeps sessions beyond the life of the process.
	Store Store
	// SessionName names a client's session in its Store, one for each server and
	// station.
	SessionName string

	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
}

func (c Config) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

func (c Config) checkClient() error {
	if c.Profile.FlightInterval <= 0 || c.Profile.HandshakeTimeout <= 0 {
		return errors.New("integrity: the profile has no flight interval or no handshake timeout")
	}
	return c.Station.check()
}

func (c Config) checkServer() error {
	if len(c.Stations) == 0 || len(c.Stations) > MaxStations {
		return fmt.Errorf("integrity: %d stations, not 1 to %d", len(c.Stations), MaxStations)
	}
	seen := map[string]bool{}
	for _, s := range c.Stations {
		if err := s.check(); err != nil {
			return err
		}
		if seen[s.Call] {
			return &StationError{s.Call, "it is there twice"}
		}
		seen[s.Call] = true
	}
	return nil
}
