// Package endpoint is the CoAP message layer over any net.Conn that keeps
// datagram boundaries: reliability (RFC 7252 §4), requests and responses (§5),
// observation (RFC 7641) and block-wise transfer (RFC 7959, and RFC 9177 between two
// endpoints of this package). It knows neither HTTP nor DTLS. All times and sizes
// come from one link.Profile.
//
// A Conn plays both roles at once: it sends requests with Do and Observe, and
// hands requests that arrive to its Handler.
package endpoint
