// Package budgets holds the sizes on the wire to what testdata/budgets.tsv says:
// whole IPv4 packets, counted on an in-memory link under a real DTLS session.
package budgets
