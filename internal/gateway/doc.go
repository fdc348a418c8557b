// Package gateway is the two halves of a pair. Serve takes requests that arrive
// over CoAP to the homeserver; Connect takes a client's HTTP requests to a Serve
// over CoAP. Both are reverse proxies, one behind coap.Server, one before
// coap.Transport; Station and Dialer put DTLS and a socket under them.
//
// What this package logs never holds a query, a header or a body.
package gateway
