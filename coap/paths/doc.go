// Package paths maps the escaped path and query of an HTTP request to CoAP
// Uri-Path and Uri-Query values and back, without loss. Paths of the MSC3079
// version 1 table become a one-character enum followed by the path parameters;
// all others travel in full.
//
// CoAP carries percent-decoded values (RFC 7252 §6.4), and two clients may escape
// the same value differently. What decoding loses is kept in a Form: the number
// of the escaping style that gives the sender's bytes again. A path or query
// that no style reproduces to the byte is refused, so that the caller can send
// it by other means; nothing is ever changed in silence.
//
// A peer that does not know Form composes the URI by RFC 7252 §6.5, which is the
// zero Form. In other styles it gets the same decoded values, escaped otherwise.
// Servers that read queries as forms see a difference in two characters: a
// "%2B" arrives as "+", which they take for a space, and a "%3B" as ";", which
// some take for a separator and some refuse.
package paths
