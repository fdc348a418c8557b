package dtls

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
)

// addrKey is a peer's address as a map key. UDP addresses need no allocation.
type addrKey struct {
	ip    netip.AddrPort
	other string
}

func keyOf(a net.Addr) addrKey {
	if u, ok := a.(*net.UDPAddr); ok {
		ap := u.AddrPort()
		return addrKey{ip: netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())}
	}
	return addrKey{other: a.String()}
}

// site is what lives at one remote address: at most one session that started
// there, and one handshake that may replace it.
type site struct{ current, pending *association }

// deliver routes one datagram, which stays the caller's: by Connection ID first,
// then by address.
func (l *Listener) deliver(b []byte, from net.Addr) {
	first, id, ok := routing(b)
	if !ok {
		l.cfg.incoming().count(b)
		l.stats.malformed.Add(1)
		return
	}
	if !ofSession(first) {
		l.cfg.incoming().count(b)
	}
	if id != nil {
		if c, ok := parseCID(id); ok {
			l.deliverTo(c, b, from)
		}
		return
	}
	if h, ok := parseClientHello(first); ok {
		a, lost := l.greet(h, from)
		if lost {
			l.sayLost(from)
		}
		l.hand(b, from, a)
		return
	}
	// The handshake gets what belongs to handshakes, the session keeps its data
	// until the handshake is complete, and an alert may concern either.
	pending, current := l.at(from)
	switch first.typ {
	case typeHandshake, typeChangeCipherSpec:
		l.hand(b, from, cmp.Or(pending, current))
	case typeApplicationData:
		l.hand(b, from, cmp.Or(current, pending))
	case typeAlert:
		if pending != nil && current != nil {
			l.hand(b, from, pending)
		}
		l.hand(b, from, cmp.Or(current, pending))
	default:
		l.stats.malformed.Add(1)
	}
}

// routing walks the records of a datagram and returns the first one and the
// first Connection ID; false when they do not fill the datagram exactly.
func routing(b []byte) (first record, id []byte, ok bool) {
	for n := 0; len(b) > 0 || n == 0; n++ {
		r, rest, ok := nextRecord(b, shortCIDLen)
		if !ok {
			return record{}, nil, false
		}
		if n == 0 {
			first = r
		}
		if r.typ == typeCID && id == nil {
			id = r.cid
		}
		b = rest
	}
	return first, id, true
}

// at returns the handshake at an address and the session that is routed by it.
func (l *Listener) at(from net.Addr) (pending, current *association) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.bySite[keyOf(from)]
	if s == nil {
		return nil, nil
	}
	if s.current != nil && !s.current.session.withCID() {
		current = s.current
	}
	return s.pending, current
}

// hand gives a datagram to an association.
func (l *Listener) hand(b []byte, from net.Addr, a *association) {
	if a == nil {
		if first, _, ok := nextRecord(b, shortCIDLen); ok && ofSession(first) { // of none
			l.cfg.incoming().count(b)
		}
		l.stats.unrouted.Add(1)
		return
	}
	switch a.put(b, from, shortCIDLen) {
	case malformed:
		l.stats.malformed.Add(1)
	case overflowed:
		l.stats.overflow.Add(1)
	}
}

// greet returns the association that a ClientHello belongs to: one that knows it
// already, or a new one. Nil means that the ClientHello is dropped; lost, that it
// belongs to a handshake that had to give way.
func (l *Listener) greet(h clientHello, from net.Addr) (a *association, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := keyOf(from)
	s := l.bySite[key]
	if s != nil {
		if s.pending != nil && s.pending.random == h.random {
			return s.pending, false
		}
		// A late copy must not start a second handshake.
		if s.current != nil && s.current.random == h.random {
			if s.current.session.withCID() {
				return nil, false
			}
			return s.current, false
		}
	}
	// A client may have restarted in the middle of its handshake; but for a
	// ClientHello that anyone can have sent, none that has proven its address
	// gives way.
	restarted := s != nil && s.pending != nil
	if !h.first {
		l.stats.refused.Add(1)
		return nil, true
	}
	if l.ctx.Err() != nil || (restarted && s.pending.cookied.Load()) || !l.makeRoom(key) {
		l.stats.refused.Add(1)
		return nil, false
	}
	id, ok := l.ids.allocate(l.taken, l.resets.revealed.has)
	if !ok {
		l.stats.refused.Add(1)
		return nil, false
	}
	a = l.newAssociation(id)
	a.random, a.site = h.random, key
	a.allowance.of = &l.allowances
	a.cookie = l.cookie(key, h)
	ctx, cancel := context.WithCancel(l.ctx)
	a.cancel = cancel
	a.shaking = &pipe{in: a.early, out: a.sendFlight, local: a.localAddr, inspect: a.inspect, arrived: a.watch}
	if s == nil {
		s = &site{}
	}
	if s.pending != nil {
		l.drop(s.pending)
	}
	s.pending = a
	l.bySite[key] = s // dropping may have removed it
	l.byCID[id] = a
	l.halfOpen[a] = struct{}{}
	l.admission.begin(key)
	l.work.Go(func() { l.shake(ctx, a, from) })
	return a, false
}

// keyed tells whether the suite to be chosen, the client's first that we speak,
// authenticates by key. A fragmented ClientHello does not tell.
func (l *Listener) keyed(h clientHello) bool {
	ours := l.cfg.accepted()
	i := slices.IndexFunc(h.suites, func(s Suite) bool { return slices.Contains(ours, s) })
	return i >= 0 && h.suites[i].PSK()
}

// makeRoom sees to it that one more handshake may start. A random one gives way, of
// the same source if that has too many, so that a flood cannot choose whom it drives
// out; never one that has proven its address.
func (l *Listener) makeRoom(from addrKey) bool {
	full := l.full(from)
	if !full && len(l.halfOpen) < l.cfg.MaxHalfOpen {
		return true
	}
	for a := range l.halfOpen {
		if !a.cookied.Load() && (!full || a.site.source() == from.source()) {
			l.drop(a)
			l.stats.evicted.Add(1)
			return true
		}
	}
	return false
}

// sayLost answers a ClientHello with a cookie of a handshake that had to give way,
// with less than came: without an answer the client would repeat it until its
// handshake times out.
func (l *Listener) sayLost(to net.Addr) {
	// The number is above those that the lost handshake used.
	alert := []byte{typeAlert, versionMajor, versionMinor, 0, 0, 0, 0, 0, 1, 0, 0, 0, alertSize, alertFatal, alertInternalError}
	l.cfg.outgoing().count(alert)
	if _, err := l.pc.WriteTo(alert, to); err != nil {
		l.stats.sendErrors.Add(1)
	}
}

// settled notes that a handshake is not under way any more.
func (l *Listener) settled(a *association) {
	if _, ok := l.halfOpen[a]; ok {
		delete(l.halfOpen, a)
		l.admission.end(a.site)
		a.allowance.end()
	}
}

// drop takes a handshake out of every table and stops it.
func (l *Listener) drop(a *association) {
	l.remove(a)
	a.shaking.muted.Store(true)
	a.cancel()
}

// forget takes an association out of every table. If it is stored, its next record
// brings it back.
func (l *Listener) forget(a *association, stored bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if stored && l.byCID[a.id] == a {
		l.lay(a.id, resting{a.session.identity, a.session.idleSince()})
	}
	l.remove(a)
}

func (l *Listener) remove(a *association) {
	a.stage = gone
	l.settled(a)
	if _, ok := l.sessions[a]; ok {
		delete(l.sessions, a)
		l.left(a.session.identity)
	}
	if l.byCID[a.id] == a {
		delete(l.byCID, a.id)
	}
	if s := l.bySite[a.site]; s != nil {
		if s.current == a {
			s.current = nil
		}
		if s.pending == a {
			s.pending = nil
		}
		if s.current == nil && s.pending == nil {
			delete(l.bySite, a.site)
		}
	}
}

// taken tells whether a Connection ID must not be given to a new session.
func (l *Listener) taken(c cid) bool {
	_, stored := l.stored[c]
	return stored || l.byCID[c] != nil
}
