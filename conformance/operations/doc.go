// Package operations is what Matrix clients do, as HTTP exchanges that were
// recorded in front of a homeserver. The suites that measure bytes replay the very
// same messages over coapgw and over HTTPS.
package operations
