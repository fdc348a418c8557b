// Package links shows that the faults of the reference stack on bad links are not
// ours: round trips of ten seconds, 300 bit/s, one datagram in five lost, and
// addresses that change. The pair runs over an emulated link in virtual time.
package links
