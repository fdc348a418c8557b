// Package interop holds coapgw against CoAP implementations that others wrote:
//
//   - libcoap 4.3.1 as Debian ships it, client and server, with OpenSSL and GnuTLS;
//   - go-coap v3, client and server, over UDP and DTLS;
//   - MSC3079's reference proxy as far as its behaviour on the wire is known,
//     imitated on go-coap, client and server.
//
// Where coapgw is the server it is the real program, coapgw serve, built from this
// tree with the race detector; only the tests of the message layer alone run in
// process. The suite fails, and does not skip, when a program of Debian's package
// libcoap3-bin is missing.
package interop
