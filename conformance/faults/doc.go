// Package faults puts a homeserver that fails behind a pair: it is slow, resets
// connections, breaks off answers, speaks nonsense, hangs and is restarted. Clients get
// the right status, and the pair goes on.
package faults
