// Package microcontroller shows that the client in C for small machines
// (examples/microcontroller) works: gcc builds it with both TLS libraries for which Debian
// has libcoap, and it talks through coapgw serve to Dendrite, while another user is at the
// homeserver directly. It runs under valgrind, over a link that loses what it is told to, and
// while serve is restarted. Its size is measured for a microcontroller.
//
//	go test -tags goolm -v ./microcontroller
package microcontroller
