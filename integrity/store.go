package integrity

import "fmt"

// Store keeps sessions beyond the life of the process: a small durable map. Its
// methods are called concurrently. Values hold keys of sessions, so a store that
// writes to a disk encrypts them, and a copy of it must never be put back: counters
// would be used twice, and what was replayed would be accepted again. One process at
// a time may have it open.
//
// All keys of this package begin with "integrity/".
type Store interface {
	// Load returns the value of a key, nil when it has none.
	Load(key string) ([]byte, error)
	// Keys returns the keys that begin with prefix, in any order.
	Keys(prefix string) ([]string, error)
	// Commit makes changes durable, all of them or none; a nil value deletes its
	// key. It returns when they would survive a crash. Neither the map nor its
	// values are changed afterwards.
	Commit(changes map[string][]byte) error
}

// Prefixes of the sessions of a server, by call sign, and of a client, by name.
const (
	serverPrefix = "integrity/station/"
	clientPrefix = "integrity/name/"
)

// The keys of a session are its prefix and one of these.
const (
	secretsKey  = "/secrets"
	countersKey = "/counters"
	stateKey    = "/state"
)

// place is where one session at a time is stored. A nil place keeps nothing.
type place struct {
	store  Store
	prefix string

	// saving is held over each commit, and guards owner.
	saving semaphore
	// owner is the ledger of the session in it: one that was replaced must not touch
	// what belongs to the next.
	owner *ledger
}

// newPlace returns nil without a store.
func newPlace(store Store, prefix string) *place {
	if store == nil {
		return nil
	}
	return &place{store: store, prefix: prefix, saving: newSemaphore()}
}

// begin stores a new session in place of what was there, and makes l durable.
func (p *place) begin(s secrets, l *ledger) error {
	p.saving.acquire()
	defer p.saving.release()
	first := l.keep(p, s.tag())
	if err := p.store.Commit(map[string][]byte{
		p.prefix + secretsKey: s.marshal(), p.prefix + countersKey: first.marshal(), p.prefix + stateKey: nil,
	}); err != nil {
		return fmt.Errorf("integrity: session not stored: %w", err)
	}
	p.owner = l
	return nil
}

// read returns what is stored, without touching it; ErrNoSession when there is
// nothing.
func (p *place) read() (s secrets, c counters, err error) {
	if p == nil {
		return s, c, ErrNoSession
	}
	b, err := p.store.Load(p.prefix + secretsKey)
	if err != nil {
		return s, c, fmt.Errorf("integrity: session not loaded: %w", err)
	}
	if b == nil {
		return s, c, ErrNoSession
	}
	if s, err = parseSecrets(b); err != nil {
		return s, c, err
	}
	if b, err = p.store.Load(p.prefix + countersKey); err != nil {
		return s, c, fmt.Errorf("integrity: session not loaded: %w", err)
	}
	if c, err = parseCounters(b); err == nil && c.session != s.tag() {
		err = errState
	}
	return s, c, err
}

// take gives a stored session to a ledger, which must not use it before.
func (p *place) take(s secrets, c counters) (*ledger, error) {
	p.saving.acquire()
	defer p.saving.release()
	l, taken := resumeLedger(p, s.tag(), c)
	if err := p.store.Commit(map[string][]byte{p.prefix + countersKey: taken.marshal()}); err != nil {
		return nil, fmt.Errorf("integrity: session not taken: %w", err)
	}
	p.owner = l
	return l, nil
}

// put stores values of the session of l; it does nothing when another session has taken
// the place.
func (p *place) put(l *ledger, values map[string][]byte) error {
	p.saving.acquire()
	defer p.saving.release()
	if p.owner != l {
		return nil
	}
	changes := make(map[string][]byte, len(values))
	for key, value := range values {
		changes[p.prefix+key] = value
	}
	if err := p.store.Commit(changes); err != nil {
		return fmt.Errorf("integrity: session not stored: %w", err)
	}
	return nil
}

// forget deletes the session of l, if it is still here.
func (p *place) forget(l *ledger) error {
	if p == nil {
		return nil
	}
	p.saving.acquire()
	defer p.saving.release()
	if p.owner != l {
		return nil
	}
	if err := p.store.Commit(map[string][]byte{
		p.prefix + secretsKey: nil, p.prefix + countersKey: nil, p.prefix + stateKey: nil,
	}); err != nil {
		return fmt.Errorf("integrity: session not deleted: %w", err)
	}
	return nil
}
