// Package bench measures what a pair costs: CPU per proxied request on each side,
// requests per second, throughput, and memory and goroutines per idle session.
// Homeserver, serve and connect are processes of their own on loopback, so that
// each is measured alone.
//
// What one of 10,000 idle sessions takes, for which this process needs as many open
// files:
//
//	go test -run '^$' -bench IdleSession -benchtime 1x ./conformance/bench
package bench
