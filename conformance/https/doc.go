// Package https measures what Matrix costs over HTTPS on the links that coapgw is
// measured on: the exchanges of conformance/operations between the client and the
// server of net/http, with TLS and TCP, in virtual time. Bytes are whole IP packets,
// acknowledgements and handshakes included. testdata/https.tsv and
// testdata/links-https.tsv hold the results.
//
// Where there is a choice HTTPS gets the better of it: acknowledgements wait as in
// Linux, no timeout of client or server ever ends a request, nothing keeps an idle
// connection alive, headers are the few of a Go client, and a body is compressed
// only where that makes it smaller.
package https
