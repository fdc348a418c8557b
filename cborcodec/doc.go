// Package cborcodec converts JSON to CBOR and back without loss, in one walk over
// the tokens: no tree of values, the order of keys kept, output appended to the
// caller's buffer. Version 1 replaces frequent keys of Matrix objects by small
// integers (MSC3079, appendix A). It is bytes only: no network, clock or log.
package cborcodec
