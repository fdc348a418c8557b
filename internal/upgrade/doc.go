// Package upgrade has a program replaced while it serves: the next process takes over the
// socket, and what the earlier one has stored, from it or from a service manager. It knows
// processes and sockets and nothing of what is served.
//
// Only one process at a time may have the sessions. So a hand-over has an order:
//
//	predecessor                         successor
//	starts it with the socket      →    reads its configuration, opens nothing
//	                               ←    says that it could serve
//	serves no more, stores,
//	closes what it had open        →    opens it, serves
//
// What arrives in between waits in the socket's buffer. Where the successor does not get
// as far as the third line it ends, and nothing has happened.
package upgrade
