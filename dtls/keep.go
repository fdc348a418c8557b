package dtls

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// kept is a session's place in a store; the zero value is none. Its values are
// the secrets, which never change, the counters, and what belongs to the layer
// above.
type kept struct {
	store  Store
	prefix string
}

// The keys of a session are its prefix and one of these.
const (
	secretsKey  = "/secrets"
	countersKey = "/counters"
	stateKey    = "/state"
	resetKey    = "/reset"
)

func sessionKeys() []string { return []string{secretsKey, countersKey, stateKey, resetKey} }

// Prefixes of all sessions of a server, by Connection ID, and of a client, by
// name; and the key from which reset tokens are made.
const (
	serverPrefix = "dtls/cid/"
	clientPrefix = "dtls/name/"
	resetKeyName = "dtls/reset"
)

// begin stores a new session, in place of what was there.
func (k kept) begin(s secrets, c counters) error {
	err := k.store.Commit(map[string][]byte{
		k.prefix + secretsKey: s.marshal(), k.prefix + countersKey: c.marshal(),
		k.prefix + stateKey: nil, k.prefix + resetKey: nil,
	})
	if err != nil {
		return fmt.Errorf("dtls: session not stored: %w", err)
	}
	return nil
}

// secrets reads a session without touching it; ErrNoSession when there is none.
func (k kept) secrets() (secrets, error) {
	b, err := k.store.Load(k.prefix + secretsKey)
	switch {
	case err != nil:
		return secrets{}, fmt.Errorf("dtls: session not loaded: %w", err)
	case b == nil:
		return secrets{}, ErrNoSession
	}
	return parseSecrets(b)
}

// value reads what belongs to the session with this tag; nil when there is nothing,
// or it is another session's of the same name.
func (k kept) value(key string, of sessionTag) ([]byte, error) {
	b, err := k.store.Load(k.prefix + key)
	if err != nil {
		return nil, fmt.Errorf("dtls: session not loaded: %w", err)
	}
	v, ok := bytes.CutPrefix(b, of[:])
	if !ok {
		return nil, nil
	}
	return v, nil
}

// counters reads the counters without taking them.
func (k kept) counters() (counters, error) {
	b, err := k.store.Load(k.prefix + countersKey)
	if err != nil {
		return counters{}, fmt.Errorf("dtls: session not loaded: %w", err)
	}
	return parseCounters(b)
}

// read reads a session without taking it.
func (k kept) read() (s secrets, c counters, err error) {
	if s, err = k.secrets(); err == nil {
		c, err = k.counters()
	}
	if err == nil && c.session != s.tag() {
		err = errState
	}
	return s, c, err
}

// rest leaves a session to its next life.
func (k kept) rest(c counters) error {
	if k.store == nil {
		return nil
	}
	if err := k.store.Commit(map[string][]byte{k.prefix + countersKey: c.marshal()}); err != nil {
		return fmt.Errorf("dtls: session not stored: %w", err)
	}
	return nil
}

// delete forgets a session.
func (k kept) delete() error {
	if k.store == nil {
		return nil
	}
	changes := map[string][]byte{}
	k.deleteIn(changes)
	if err := k.store.Commit(changes); err != nil {
		return fmt.Errorf("dtls: session not deleted: %w", err)
	}
	return nil
}

// deleteIn has a commit of these changes forget the session.
func (k kept) deleteIn(changes map[string][]byte) {
	for _, end := range sessionKeys() {
		changes[k.prefix+end] = nil
	}
}

// Durable tells whether the session is in a store, so that it may outlive the
// process.
func (c *Conn) Durable() bool { return c.kept.store != nil }

// Incarnation counts how often the session was taken from a store; 0 for one
// whose handshake this process made.
func (c *Conn) Incarnation() uint32 { return c.numbers.incarnation }

// Mark returns when nothing that was read so far can be accepted again, not even
// after a crash: a server calls it before a request has an effect that must not
// be had twice. Calls at the same time share a write. Without a store it does
// nothing; after the session's end it may fail with net.ErrClosed.
func (c *Conn) Mark() error { return c.numbers.mark() }

// State returns what SaveState stored last, nil when nothing.
func (c *Conn) State() ([]byte, error) {
	if c.kept.store == nil {
		return nil, nil
	}
	return c.kept.value(stateKey, c.numbers.tag)
}

// SaveState stores what the layer above wants to find in the session's next life;
// it goes when the session does. It returns when the state is durable, and does what
// Mark does in the same write. Without a store it does nothing, and after the
// session's end it fails with net.ErrClosed.
func (c *Conn) SaveState(state []byte) error {
	return c.save(stateKey, state)
}

// save stores one value of a session that is alive.
func (c *Conn) save(key string, value []byte) error {
	if c.kept.store == nil {
		return nil
	}
	return c.numbers.save(map[string][]byte{c.kept.prefix + key: slices.Concat(c.numbers.tag[:], value)})
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
