// Package linkemu is an in-memory datagram network with one emulated link: one
// socket at the far side, any number at the constrained side. Rate, delay,
// jitter, loss, MTU and queue are set for each direction. Chance comes from a
// seed and time from package time, so a run inside a testing/synctest bubble
// takes no real time, and the same datagrams sent at the same times meet the
// same fate.
//
// A datagram waits until those before it have left (strict serialisation at
// Rate), then travels for Delay and a random part of Jitter. Without jitter a
// direction never reorders; with it, datagrams sent closer together than Jitter
// may overtake each other. A lost datagram has used its airtime.
package linkemu
