// Package inspect shows what CoAP messages of coapgw say and what each part of them costs:
// a line per field, with its bytes, and how many of them are whose. It reads single
// messages, payloads, and captures, whose sessions it follows, so that it knows what
// references of wire version 2 stand for. Of access tokens and passwords it shows the
// length alone.
//
// Input may be anything: nothing panics, and memory is bounded by its length.
package inspect
