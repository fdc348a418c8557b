// Package coap carries HTTP over CoAP (RFC 8075 turned around): Transport is an
// http.RoundTripper that sends each request as one CoAP exchange, Server hosts an
// http.Handler behind CoAP sessions. JSON bodies travel as CBOR, paths of the
// Matrix client-server API as one-character enums (MSC3079 version 1).
//
// A request on its way out: Transport picks the session, Mapping turns method,
// path, query, headers and body into one endpoint.Request, the message layer
// sends it. On the other side Server resolves whose token the request bears,
// Mapping restores the HTTP request, the http.Handler answers it, and the answer
// goes the same way back, piggybacked on the acknowledgement.
//
// Two ends of this package recognise each other by the Gateway option and from
// then on carry statuses, headers, methods and long paths exactly; towards any
// other MSC3079 peer the best mapping of RFC 8075 is used.
//
// The package sees connections only as net.Conn and net.Listener: security is
// the business of whoever dials and listens.
package coap
