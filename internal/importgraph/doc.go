// Package importgraph holds the tests that keep the layout of the module: who may
// import whom, which packages stay free of network, log and clock, and that no
// exported signature names a type of a third party.
package importgraph
