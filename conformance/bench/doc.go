// Package bench measures what a pair costs: CPU per proxied request on each side,
// requests per second, throughput, and memory and goroutines per idle session.
// Homeserver, serve and connect are processes of their own on loopback, so that
// each is measured alone.
package bench
