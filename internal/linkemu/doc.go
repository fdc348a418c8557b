// Package linkemu is an in-memory datagram network with one emulated link: one
// socket at the far side, any number at the constrained side. FromProfile makes
// the link of a link.Profile. Chance comes from a seed and time from package time,
// so a run inside a testing/synctest bubble takes no real time, and the same
// datagrams sent at the same times meet the same fate.
//
// A datagram waits until those before it have left (strict serialisation at
// Rate), until MinGap has passed, until the link is open and, on a half-duplex
// link, until it is its side's turn; then it travels for Delay and a random part
// of Jitter. Without jitter a direction never reorders; with it, datagrams sent
// closer together than Jitter may overtake each other. A lost datagram has used
// its airtime.
//
// Relay puts the link between real sockets, and Capture writes what comes through
// as a file for Wireshark.
package linkemu
