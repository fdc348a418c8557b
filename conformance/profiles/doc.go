// Package profiles runs a Matrix session over every link of coap/link, in virtual
// time: without loss and with twenty seeds of loss and jitter. It holds what the
// session costs to testdata/links.tsv, and shows that the parameters of the RFCs do
// not carry it.
package profiles
