// Package session is about what both ends of a session remember beyond the life
// of a process: a Store, in which the layers keep it, each under keys that begin
// with its own name.
//
// Memory is a Store that lasts as long as the process. Package boltstore keeps one
// in a file; it is a package of its own, so that who links coapgw into firmware
// need not link a database.
package session
