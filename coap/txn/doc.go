// Package txn reads in a request of the Matrix client-server API what tells whether it
// may be made twice: whose it is, which transaction id it bears and for which room, and
// whether it is the same as another one. It is for all who stand in the way of requests
// and keep something of them; the tokens of users it makes into hashes at once.
package txn
