//go:build cgo

package main

import "sync"

// table knows clients and observations by their handles, numbers that are never used again:
// a wrong one is an error, not another's memory.
type table struct {
	mu           sync.Mutex
	last         uint64
	clients      map[uint64]*client
	observations map[uint64]*observation
}

// handles is of the process, as the functions of C are.
var handles = table{clients: make(map[uint64]*client), observations: make(map[uint64]*observation)}

// add gives something its handle.
func add[T any](t *table, to map[uint64]T, v T) (handle uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	to[t.last] = v
	return t.last
}

// find returns what has a handle, after then, which nobody else can come between.
func find[T any](t *table, in map[uint64]T, handle uint64, then func(T)) (v T, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := in[handle]
	if !ok {
		return v, errHandle
	}
	then(v)
	return v, nil
}

// addClient gives a client its handle.
func (t *table) addClient(c *client) uint64 { return add(t, t.clients, c) }

// use returns a client for one call; leave ends that.
func (t *table) use(handle uint64) (*client, error) {
	return find(t, t.clients, handle, func(c *client) { c.users.Add(1) })
}

// leave ends what use began.
func (c *client) leave() { c.users.Done() }

// takeClient returns a client that nobody finds from then on.
func (t *table) takeClient(handle uint64) (*client, error) {
	return find(t, t.clients, handle, func(*client) { delete(t.clients, handle) })
}

// addObservation gives an observation its handle.
func (t *table) addObservation(o *observation) uint64 { return add(t, t.observations, o) }

// observation finds one.
func (t *table) observation(handle uint64) (*observation, error) {
	return find(t, t.observations, handle, func(*observation) {})
}

// dropObservation has nobody find an observation from now on.
func (t *table) dropObservation(handle uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.observations, handle)
}
