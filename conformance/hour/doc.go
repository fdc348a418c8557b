// Package hour lives an hour of virtual time with each kind of recorded client
// (testdata/clients): it comes up as recorded, polls with its own filter and timeouts,
// talks with another one of its kind that is at the homeserver directly, and loses
// patience when that kind does. Every message must come to both exactly once and in
// order. What crossed the link is counted by what it was for, into docs/clients.md:
//
//	go test ./conformance/hour -update
package hour
