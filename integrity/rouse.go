package integrity

import (
	"net"
	"net/netip"
)

// Rouse takes those sessions from the store, and hands them to Accept, of which wanted says
// so: it is given what SaveState of the session has stored. It is for a server that has
// something to say to stations which wait in silence. They are called where their newest
// authentic datagram came from, as far as the store knows; others stay until a record of
// theirs comes. Rouse returns at once.
func (l *Listener) Rouse(wanted func(state []byte) bool) {
	l.work.Go(func() {
		for _, st := range l.byCall {
			l.rouse(st, wanted)
		}
	})
}

func (l *Listener) rouse(st *station, wanted func(state []byte) bool) {
	l.waking.acquire()
	defer l.waking.release()
	l.mu.Lock()
	resting := st.resting
	l.mu.Unlock()
	if resting == nil || l.accepted.closed() {
		return
	}
	peer := parseStoredAddr(resting.counters.peer)
	if peer == nil {
		return
	}
	state, err := st.place.store.Load(st.place.prefix + stateKey)
	if err != nil || len(state) == 0 || !wanted(state) {
		return
	}
	if c := l.wake(st, *resting, peer); c != nil {
		l.accepted.push(c)
	}
}

// storedAddr is the form of an address in a store. Only UDP addresses are kept.
func storedAddr(a net.Addr) string {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.AddrPort().String()
	}
	return ""
}

func parseStoredAddr(s string) net.Addr {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil
	}
	return net.UDPAddrFromAddrPort(ap)
}
