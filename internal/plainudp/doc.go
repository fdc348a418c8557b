// Package plainudp serves coap:// without any security: everybody on the path
// reads, changes and forges what it carries, access tokens included, and a sender
// is whoever its address says. It is for loopback and for tests; a program offers
// it only behind a flag that says so. Use package dtls for everything else.
package plainudp
