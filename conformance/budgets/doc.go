// Package budgets holds what each operation costs on the wire to
// testdata/budgets.tsv: whole IPv4 packets, counted on a link in memory, in virtual
// time, under a real DTLS session between real gateways. The operations are the
// recorded ones of conformance/operations.
//
// README's table stands these numbers beside those of HTTPS, which
// conformance/https measures with the same exchanges into testdata/https.tsv.
package budgets
