package dtls

import (
	"net/netip"
	"time"
)

// Bounds of what strangers can have without returning a cookie (RFC 6347 §4.2.1),
// beside Config.MaxCookieless.
const (
	cookielessPerSecond = 10
	cookielessPerSource = 8
)

// One source may hold half of MaxHalfOpen, for hundreds of clients may share an address
// behind the NAT of an operator. Once that much is taken, by whomever, each may hold the
// part maxPerSource of MaxHalfOpen: handshakes with a cookie do not give way, and one
// host must not take all the places.
const (
	crowded      = 2
	maxPerSource = 16
)

// admission counts the handshakes under way.
type admission struct {
	newcomers bucket
	sources   map[addrKey]int
}

func newAdmission() admission {
	return admission{newcomers: bucket{perSecond: cookielessPerSecond}, sources: map[addrKey]int{}}
}

// source is whom an address belongs to: a host, or a network of 64 bits in IPv6,
// where hosts have as many addresses as they like.
func (k addrKey) source() addrKey {
	if !k.ip.IsValid() {
		return k
	}
	a := k.ip.Addr().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64)
		a = p.Addr()
	}
	return addrKey{ip: netip.AddrPortFrom(a, 0)}
}

// cookie tells whether a client has to prove its address before the server keeps
// anything that lasts.
func (l *Listener) cookie(from addrKey, h clientHello) bool {
	return len(l.halfOpen) >= l.cfg.MaxCookieless ||
		l.admission.sources[from.source()] >= cookielessPerSource ||
		!l.keyed(h) || !l.admission.newcomers.take(time.Now())
}

// full tells whether a source has as many handshakes under way as it may.
func (l *Listener) full(from addrKey) bool {
	return len(l.halfOpen) >= l.cfg.MaxHalfOpen/crowded &&
		l.admission.sources[from.source()] >= max(cookielessPerSource, l.cfg.MaxHalfOpen/maxPerSource)
}

// begin and end count a handshake.
func (a admission) begin(from addrKey) { a.sources[from.source()]++ }

func (a admission) end(from addrKey) {
	s := from.source()
	if a.sources[s]--; a.sources[s] <= 0 {
		delete(a.sources, s)
	}
}

// bucket limits a rate: at most one second's worth at once.
type bucket struct {
	perSecond float64
	spent     float64
	at        time.Time
}

// take asks for one.
func (b *bucket) take(now time.Time) bool {
	b.spent = max(0, b.spent-now.Sub(b.at).Seconds()*b.perSecond)
	b.at = now
	if b.spent+1 > b.perSecond {
		return false
	}
	b.spent++
	return true
}
