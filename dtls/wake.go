package dtls

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// maxWaking bounds the sessions on their way out of the store: strangers can make
// it read by guessing Connection IDs.
const maxWaking = 64

var errNotAuthentic = errors.New("dtls: no authentic record for the stored session")

// openStore returns the key for reset tokens and the Connection IDs of the stored
// sessions. Those past their lifetime are deleted.
func openStore(cfg Config) (reset []byte, stored map[cid]struct{}, err error) {
	stored = map[cid]struct{}{}
	if len(cfg.ResetKey) > 0 && len(cfg.ResetKey) != resetKeySize {
		return nil, nil, fmt.Errorf("dtls: a reset key has %d bytes, not %d", resetKeySize, len(cfg.ResetKey))
	}
	if cfg.Store == nil {
		return cfg.ResetKey, stored, nil
	}
	keys, err := cfg.Store.Keys(serverPrefix)
	if err != nil {
		return nil, nil, fmt.Errorf("dtls: store not read: %w", err)
	}
	changes := map[string][]byte{}
	for _, key := range keys {
		prefix, ok := strings.CutSuffix(key, secretsKey)
		if !ok {
			continue
		}
		id, _ := hex.DecodeString(strings.TrimPrefix(prefix, serverPrefix))
		c, ok := parseCID(id)
		last, err := kept{cfg.Store, prefix}.counters()
		if err != nil && !errors.Is(err, errState) {
			return nil, nil, err
		}
		if err != nil || !ok || time.Since(last.used) > cfg.IdleLifetime {
			for _, end := range sessionKeys() {
				changes[prefix+end] = nil
			}
			continue
		}
		stored[c] = struct{}{}
	}
	if reset = cfg.ResetKey; reset == nil {
		if reset, err = cfg.Store.Load(resetKeyName); err != nil {
			return nil, nil, fmt.Errorf("dtls: store not read: %w", err)
		}
	}
	if len(reset) != resetKeySize {
		reset = make([]byte, resetKeySize)
		rand.Read(reset)
		changes[resetKeyName] = reset
	}
	if len(changes) > 0 {
		if err := cfg.Store.Commit(changes); err != nil {
			return nil, nil, fmt.Errorf("dtls: store not written: %w", err)
		}
	}
	return reset, stored, nil
}

// place is where the session of a Connection ID is stored.
func (l *Listener) place(c cid) kept {
	return kept{store: l.cfg.Store, prefix: serverPrefix + hex.EncodeToString(c.bytes())}
}

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
	if l.resets.key != nil {
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
	a = l.claim(c)
	a.put(b, from, shortCIDLen)
	l.work.Go(func() { l.wake(a) })
}

// wake fetches a session from the store and hands it over.
func (l *Listener) wake(a *association) {
	conn, first, err := l.restore(a)
	l.mu.Lock()
	l.waking--
	if err != nil {
		delete(l.byCID, a.id)
		if !errors.Is(err, ErrNoSession) {
			l.stored[a.id] = struct{}{}
		}
		l.mu.Unlock()
		if !errors.Is(err, errNotAuthentic) {
			l.cfg.log().Info("dtls: stored session not resumed", "error", err)
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
// stranger costs no write.
func (l *Listener) restore(a *association) (*Conn, []datagram, error) {
	k := l.place(a.id)
	s, c, err := k.read()
	switch {
	case errors.Is(err, errState), err == nil && !l.welcome(s, c):
		return nil, nil, errors.Join(ErrNoSession, k.delete())
	case err != nil:
		return nil, nil, err
	}
	_, peer, err := s.protectors()
	if err != nil {
		return nil, nil, errors.Join(ErrNoSession, k.delete())
	}
	first := a.early.drain()
	if !authentic(first, peer, c.received) {
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

// welcome tells whether a stored session may still be used: not when its lifetime
// is over or its key was withdrawn.
func (l *Listener) welcome(s secrets, c counters) bool {
	if time.Since(c.used) > l.cfg.IdleLifetime {
		return false
	}
	if !s.suite.PSK() {
		return len(l.cfg.Certificates) > 0
	}
	if l.cfg.Keys == nil {
		return false
	}
	_, ok := l.cfg.Keys(s.identity)
	return ok
}

// authentic tells whether any of the datagrams has a record that a session would
// accept, or a repetition of the handshake's end.
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
			if typ, content, ok := p.open(r); ok && (w.fresh(r.seq) || isFinished(typ, content)) {
				return true
			}
		}
	}
	return false
}

// claim takes a session out of the stored ones, for wake. Its Connection ID stays
// taken.
func (l *Listener) claim(id cid) *association {
	a := l.newAssociation(id)
	l.waking++
	l.byCID[id] = a
	delete(l.stored, id)
	return a
}
