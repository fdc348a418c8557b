package push

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// rebinding is when an adversary has the client seem to be elsewhere.
type rebinding int

const (
	never rebinding = iota
	// inSilence: with the first datagram after a silence of adversary.silence.
	inSilence
	// always: with each datagram.
	always
	// anyTime: every adversary.period or so, whatever is under way.
	anyTime
	rebindings
)

// adversary stands between the client's sockets and the link: it loses what goes either way,
// and has the client's address change, until it is quiet.
type adversary struct {
	rebinds         rebinding
	silence, period time.Duration
	// loss is the part of the datagrams that is lost while it has a bad time, good and bad are how
	// long these last.
	loss      float64
	good, bad time.Duration

	rebind func(net.PacketConn)

	mu    sync.Mutex
	r     *rand.Rand
	quiet bool
	// spoke is when the client sent last, active when anything was sent or came.
	spoke, active time.Time
	// longest is the longest time in which nothing was sent and nothing came.
	longest time.Duration
	// turns is when the times change, and isBad whether they are bad.
	turns time.Time
	isBad bool
	moves time.Time // when the address changes next
}

// tamed is a socket of the client.
type tamed struct {
	net.PacketConn
	a *adversary
}

// loses decides the fate of a datagram.
func (a *adversary) loses() bool {
	if a.quiet || a.loss == 0 {
		return false
	}
	now := time.Now()
	for now.After(a.turns) {
		a.isBad = !a.isBad
		mean := a.good
		if a.isBad {
			mean = a.bad
		}
		if a.turns.IsZero() {
			a.turns = now
		}
		a.turns = a.turns.Add(time.Duration(a.r.ExpFloat64()*float64(mean)) + 1)
	}
	return a.isBad && a.r.Float64() < a.loss
}

// passes notes that something was sent or has come.
func (a *adversary) passes() {
	now := time.Now()
	if !a.active.IsZero() {
		a.longest = max(a.longest, now.Sub(a.active))
	}
	a.active = now
}

// ages has time have its way.
func (a *adversary) ages(pc net.PacketConn) {
	if a.rebinds != anyTime || a.quiet || time.Now().Before(a.moves) {
		return
	}
	if !a.moves.IsZero() {
		a.rebind(pc)
	}
	a.moves = time.Now().Add(time.Duration(a.r.Int64N(int64(2 * a.period))))
}

// WriteTo implements net.PacketConn.
func (t tamed) WriteTo(p []byte, to net.Addr) (int, error) {
	a := t.a
	a.mu.Lock()
	a.ages(t.PacketConn)
	moved := !a.quiet && (a.rebinds == always || a.rebinds == inSilence && time.Since(a.spoke) > a.silence)
	if moved {
		a.rebind(t.PacketConn)
	}
	a.spoke = time.Now()
	a.passes()
	lost := a.loses()
	a.mu.Unlock()
	if lost {
		return len(p), nil
	}
	return t.PacketConn.WriteTo(p, to)
}

// ReadFrom implements net.PacketConn.
func (t tamed) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := t.PacketConn.ReadFrom(p)
		if err != nil {
			return n, from, err
		}
		a := t.a
		a.mu.Lock()
		lost := a.loses() || a.misses()
		if !lost {
			a.passes()
		}
		a.mu.Unlock()
		if !lost {
			return n, from, nil
		}
	}
}

// misses reports whether what comes now goes to an address that was given up.
func (a *adversary) misses() bool {
	switch {
	case a.quiet:
		return false
	case a.rebinds == inSilence:
		return time.Since(a.spoke) > a.silence
	case a.rebinds == anyTime:
		return !a.moves.IsZero() && time.Now().After(a.moves)
	}
	return false
}

// rest ends its doings.
func (a *adversary) rest() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quiet = true
}

// stillness is the longest time in which nothing was sent and nothing came, up to now.
func (a *adversary) stillness() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.longest
}
