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

// addClient gives a client its handle.
func (t *table) addClient(c *client) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.clients[t.last] = c
	return t.last
}

// use returns a client for one call; leave ends that.
func (t *table) use(handle uint64) (*client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.clients[handle]
	if !ok {
		return nil, errHandle
	}
	c.users.Add(1)
	return c, nil
}

// leave ends what use began.
func (c *client) leave() { c.users.Done() }

// takeClient returns a client that nobody finds from then on.
func (t *table) takeClient(handle uint64) (*client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.clients[handle]
	if !ok {
		return nil, errHandle
	}
	delete(t.clients, handle)
	return c, nil
}

// addObservation gives an observation its handle.
func (t *table) addObservation(o *observation) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.observations[t.last] = o
	return t.last
}

// observation finds one.
func (t *table) observation(handle uint64) (*observation, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o, ok := t.observations[handle]
	if !ok {
		return nil, errHandle
	}
	return o, nil
}

// dropObservation has nobody find an observation from now on.
func (t *table) dropObservation(handle uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.observations, handle)
}
