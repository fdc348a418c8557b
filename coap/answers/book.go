package answers

import (
	"container/list"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
)

// Limits of a Book that says nothing else.
const (
	defaultMaxCount = 10_000
	defaultMaxBytes = 16 << 20
	defaultMaxAge   = 30 * 24 * time.Hour
)

// Book keeps answers in a store, within bounds: the oldest ones of the user that has the most
// of them, or the most bytes, go first, so that one who sends much does not push out what
// others have. Its fields must not change after Open, and nothing else may be called before.
type Book struct {
	// Store keeps the answers, under keys that begin with Prefix.
	Store  session.Store
	Prefix string
	// MaxCount bounds the answers, 0 means 10,000, each of which takes about 150 bytes of
	// memory; MaxBytes what they take in the store, 0 means 16 MiB; MaxAge how long one is
	// kept, 0 means 30 days.
	MaxCount, MaxBytes int
	MaxAge             time.Duration

	mu    sync.Mutex
	known map[name]*list.Element
	order list.List // of place, oldest first
	owned map[owner]share
	bytes int
}

// name is the beginning of a key. To find another request of that name is as hard as to
// guess a token.
type name [16]byte

// place is what is in memory of an answer.
type place struct {
	name  name
	owner owner
	at    time.Time
	size  int // bytes in the store
}

// share is what an owner has.
type share struct{ count, bytes int }

func nameOf(key txn.Digest) (n name) {
	copy(n[:], key[:])
	return n
}

func (b *Book) storeKey(n name) string { return b.Prefix + hex.EncodeToString(n[:]) }

// Open looks what earlier lives of the process have kept. What is damaged or too old goes.
func (b *Book) Open() error {
	if b.MaxCount == 0 {
		b.MaxCount = defaultMaxCount
	}
	if b.MaxBytes == 0 {
		b.MaxBytes = defaultMaxBytes
	}
	if b.MaxAge == 0 {
		b.MaxAge = defaultMaxAge
	}
	b.known, b.owned = make(map[name]*list.Element), make(map[owner]share)
	keys, err := b.Store.Keys(b.Prefix)
	if err != nil {
		return fmt.Errorf("answers: %w", err)
	}
	now := time.Now()
	gone := make(map[string][]byte)
	var found []place
	for _, key := range keys {
		p := place{}
		n, err := hex.Decode(p.name[:], []byte(key[len(b.Prefix):min(len(key), len(b.Prefix)+2*len(name{}))]))
		value, errLoad := b.Store.Load(key)
		e, errEntry := decodeEntry(value)
		if err != nil || errLoad != nil || errEntry != nil || n != len(name{}) || b.storeKey(p.name) != key {
			gone[key] = nil
			continue
		}
		// The clock may have been set back.
		p.owner, p.at, p.size = e.owner, earlier(e.at, now), len(value)
		found = append(found, p)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.take(found)
	b.evict(now, 0, 0, gone)
	return b.commit(gone)
}

// Has reports whether an answer is kept. It may be damaged: see Find.
func (b *Book) Has(key txn.Digest) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.known[nameOf(key)]
	return ok && time.Since(at.Value.(place).at) < b.MaxAge
}

// Find returns the answer to a request, with its age. One that cannot be read is
// forgotten.
func (b *Book) Find(key txn.Digest) (a Answer, age time.Duration, ok bool) {
	if !b.Has(key) {
		return a, 0, false
	}
	value, err := b.Store.Load(b.storeKey(nameOf(key)))
	e, errEntry := decodeEntry(value)
	if err != nil || errEntry != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.remove(nameOf(key))
		return a, 0, false
	}
	return e.Answer, max(time.Since(e.at), 0), true
}

// Keep makes the answer to a request of a user durable, together with other changes to
// the store; nil for none. After an error the changes may or may not be there, and the
// answer is not found in this life. An answer that takes more than a tenth of MaxBytes is not
// kept; the other changes are made all the same.
func (b *Book) Keep(key, user txn.Digest, a Answer, also map[string][]byte) error {
	now := time.Now()
	e := entry{at: now, owner: ownerOf(user), Answer: a}
	value := e.encode()
	changes := make(map[string][]byte, len(also)+1)
	for k, v := range also {
		changes[k] = v
	}
	keep := len(value) <= b.MaxBytes/10
	p := place{name: nameOf(key), owner: e.owner, at: now, size: len(value)}
	if keep {
		b.mu.Lock()
		b.evict(now, 1, p.size, changes)
		b.mu.Unlock()
		changes[b.storeKey(p.name)] = value
	}
	if err := b.commit(changes); err != nil || !keep {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.insert(p)
	return nil
}

// Drop forgets an answer.
func (b *Book) Drop(key txn.Digest) error {
	n := nameOf(key)
	b.mu.Lock()
	_, known := b.known[n]
	b.remove(n)
	b.mu.Unlock()
	if !known {
		return nil
	}
	return b.commit(map[string][]byte{b.storeKey(n): nil})
}

// Forget forgets all that is kept for a user.
func (b *Book) Forget(user txn.Digest) error {
	return b.forget(func(p place) bool { return p.owner == ownerOf(user) })
}

// Len returns how many answers are kept, and how many bytes they take in the store.
func (b *Book) Len() (count, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.order.Len(), b.bytes
}

func (b *Book) forget(which func(place) bool) error {
	gone := make(map[string][]byte)
	b.mu.Lock()
	for at := b.order.Front(); at != nil; {
		p, next := at.Value.(place), at.Next()
		if which(p) {
			b.remove(p.name)
			gone[b.storeKey(p.name)] = nil
		}
		at = next
	}
	b.mu.Unlock()
	return b.commit(gone)
}

func (b *Book) commit(changes map[string][]byte) error {
	if len(changes) == 0 {
		return nil
	}
	if err := b.Store.Commit(changes); err != nil {
		return fmt.Errorf("answers: %w", err)
	}
	return nil
}
