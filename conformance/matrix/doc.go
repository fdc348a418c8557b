// Package matrix shows the gateway at work between a real client and a real
// homeserver: mautrix-go talks to Dendrite directly, then through the processes
// coapgw connect and coapgw serve, then with coap.Transport linked into the
// client. The scenarios are the same on every route, so a difference between two
// routes is a fault of the gateway.
//
// Both ends of every route are recorded. After the last scenario each request
// and response that one end sent is compared with what the other end got, and
// the logs of coapgw are searched for passwords and access tokens.
//
// Run it with
//
//	go test -race -tags goolm ./...
//
// or one scenario on one route, keeping the logs, with
//
//	go test -tags goolm -run TestMedia . -args -routes=pair -logs=logs
//
// The package realtime below it puts slow links between the processes, and microcontroller
// has a client in C.
//
// The tag chooses mautrix's Olm implementation in Go instead of the C library.
// Dendrite's SQLite driver and the race detector need a C compiler. The first
// run compiles Dendrite, which takes two to three minutes.
package matrix
