// Package footprint measures what our programs take of a small machine: flash, memory and
// time to start, on each architecture that a router or a sensor may have. Programs for other
// processors run under qemu-user, through a whole conversation with a real serve.
//
//	go test ./conformance/footprint -update
//
// writes testdata/footprint.tsv, the reviewed budgets, and the table in README after it.
// Sizes are the same wherever the same Go builds them, and held to the budgets; memory is
// held to what the small machine has; times are reported only.
package footprint
