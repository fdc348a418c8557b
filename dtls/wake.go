package dtls

import (
	"errors"
	"maps"
	"net"
	"slices"
)

// maxWaking bounds the sessions on their way out of the store: strangers can make
// it read by guessing Connection IDs.
const maxWaking = 64

var errNotAuthentic = errors.New("dtls: no authentic record for the stored session")

// keep stores a new session. If the store fails, the session lives as long as its
// first reservation lasts: part of it may be in the store after all.
func (l *Listener) keep(conn *Conn, c cid, s secrets) {
	conn.kept = l.place(c)
	first := conn.numbers.keep(l.cfg.Store, conn.kept.prefix+countersKey, conn.storedPeer)
	if err := conn.kept.begin(s, first); err != nil {
		l.cfg.log().Error("dtls: the session will not outlive the process", "error", err)
	}
}

// storedPeer is the address that the next life takes for verified.
func (c *Conn) storedPeer() string { return storedAddr(c.path.home()) }

func (l *Listener) giveResetToken(conn *Conn, c cid) {
	l.mu.Lock()
	revealed := l.resets.revealed.has(c)
	l.mu.Unlock()
	if l.resets.key != nil && !revealed {
		t := l.resets.token(c)
		conn.resetToken.Store(&t)
	}
}

// deliverTo gives a datagram to the session of a Connection ID, which may have to
// be fetched from the store.
func (l *Listener) deliverTo(c cid, b []byte, from net.Addr) {
	l.mu.Lock()
	a := l.byCID[c]
	_, stored := l.stored[c]
	if a != nil || !stored {
		l.mu.Unlock()
		l.hand(b, from, a)
		if a == nil {
			l.reset(c, b, from)
		}
		return
	}
	defer l.mu.Unlock()
	if l.waking >= maxWaking || l.ctx.Err() != nil {
		l.stats.refused.Add(1)
		return
	}
	l.waking++
	a, was := l.claim(c)
	a.put(b, from, shortCIDLen)
	l.work.Go(func() { l.wake(a, was, false) })
}

// Rouse fetches those sessions from the store, and hands them to Accept, of which wanted
// says so: it is given what SaveState of the session has stored. It is for a server that has
// something to say to clients which wait in silence. Others stay until a record of theirs
// comes. Rouse returns at once; Accept has to be called meanwhile.
func (l *Listener) Rouse(wanted func(state []byte) bool) {
	l.work.Go(func() {
		l.mu.Lock()
		resting := slices.Collect(maps.Keys(l.stored))
		l.mu.Unlock()
		for _, c := range resting {
			k := l.place(c)
			s, _, err := k.read()
			if err != nil {
				continue // whoever sends a record is told so
			}
			state, err := k.value(stateKey, s.tag())
			if err != nil || len(state) == 0 || !wanted(state) {
				continue
			}
			l.mu.Lock()
			if _, stored := l.stored[c]; !stored || l.ctx.Err() != nil {
				l.mu.Unlock()
				continue
			}
			l.waking++
			a, was := l.claim(c)
			l.mu.Unlock()
			l.wake(a, was, true)
		}
	})
}

// wake fetches a session from the store and hands it over. A roused one needs nothing from
// its client for that.
func (l *Listener) wake(a *association, was resting, roused bool) {
	conn, first, err := l.restore(a, roused)
	l.mu.Lock()
	l.waking--
	if err != nil {
		delete(l.byCID, a.id)
		if !errors.Is(err, ErrNoSession) {
			l.lay(a.id, was)
		}
		l.mu.Unlock()
		switch {
		case errors.Is(err, errNotAuthentic):
		case errors.Is(err, ErrNoSession):
			l.cfg.log().Info("dtls: stored session not resumed", "error", err)
		default: // the store is to blame, and its client gets no answer as long as it is
			l.cfg.log().Error("dtls: stored session not resumed", "error", err)
		}
		return
	}
	ending := l.admit(a, conn)
	l.mu.Unlock()
	l.finish(ending)
	a.attach(conn, first...)
	l.cfg.log().Info("dtls: session resumed", "peer", conn.RemoteAddr(), "identity", conn.identity)
	l.offer(conn)
}

// restore makes a session out of what is stored, and returns the datagrams that
// came for it. It takes the session only when a record proves authentic: a
// stranger costs no write. A roused one is taken anyway, if its client can be found.
func (l *Listener) restore(a *association, roused bool) (*Conn, []datagram, error) {
	k := l.place(a.id)
	s, c, err := k.read()
	switch {
	case errors.Is(err, ErrNoSession), err == nil && !l.cfg.wouldAccept(s):
		return nil, nil, errors.Join(ErrNoSession, k.delete())
	case err != nil:
		return nil, nil, err
	}
	_, peer, err := s.protectors()
	if err != nil {
		return nil, nil, errors.Join(ErrNoSession, k.delete())
	}
	first := a.early.drain()
	if roused && c.peer == "" || !roused && !authentic(first, peer, c.received) {
		return nil, nil, errNotAuthentic
	}
	conn, err := newConn(a, s, storedLedger(), newPath(parseStoredAddr(c.peer), l.cfg.CheckPaths), true)
	if err != nil {
		return nil, nil, err
	}
	if err := conn.numbers.open(l.cfg.Store, k.prefix+countersKey, conn.storedPeer); err != nil {
		return nil, nil, err
	}
	conn.kept = k
	l.giveResetToken(conn, a.id)
	return conn, first, nil
}

// authentic tells whether any of the datagrams has a record that a session would
// accept, or a repetition of the handshake's end when nothing has come since.
func authentic(ds []datagram, p *protector, w window) bool {
	for _, d := range ds {
		for rest := d.data; len(rest) > 0; {
			r, next, ok := nextRecord(rest, shortCIDLen)
			if !ok {
				break
			}
			rest = next
			if r.epoch != epoch {
				continue
			}
			typ, content, ok := p.open(r)
			if ok && (w.fresh(r.seq) || r.seq+1 == w.next && isFinished(typ, content)) {
				return true
			}
		}
	}
	return false
}
