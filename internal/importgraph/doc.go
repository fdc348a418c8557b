// Package importgraph holds the tests that keep the layout of the module: who may import
// whom, which packages stay free of network, log, clock and state, that exported names are
// documented, and that none of their signatures names a type of a third party.
package importgraph
