// Package operations is what Matrix clients do, as HTTP exchanges that were
// recorded in front of a homeserver. The suites that measure bytes replay the very
// same messages over coapgw and over HTTPS.
//
// The homeserver was Dendrite with accounts made for the purpose, the requests have
// the headers of mautrix-go, and texts and keys come from testdata/corpus. In
// conformance/matrix the script that recorded them runs at every test; this records
// anew:
//
//	go test -tags goolm -run TestRecord . -args -routes=direct -record
package operations
