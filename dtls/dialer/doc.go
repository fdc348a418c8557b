// Package dialer opens the sessions of a client: it finds the ways to a server that may
// have several addresses, goes on with the session that an earlier life left in a store, or
// else shakes hands, and moves a session to another socket when the network has changed.
package dialer
