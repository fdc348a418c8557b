// Package matrix shows the gateway at work between a real client and a real
// homeserver: mautrix-go talks to Dendrite, first directly, then through the
// processes coapgw connect and coapgw serve, then with coap.Transport linked
// into the client. The scenarios are the same on every route, so a difference
// between two routes is a fault of the gateway.
//
// Run it with
//
//	go test -tags goolm ./...
//
// and one route alone with -args -routes=direct. The tag chooses mautrix's Olm
// implementation in Go instead of the C library.
package matrix
