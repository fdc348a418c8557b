// Package stream tells a small client of one room, an event at a time: the fields that it
// has chosen, in as few bytes as it has room for (docs/wire-v1.md, "Room stream").
//
// A Stream asks the homeserver for what is new only when the client has acknowledged what
// came before, so nothing is queued for long and nothing is lost. It never asks past a
// to-device message, which the homeserver would forget: that may be for another program
// with the same access token (docs/decisions/0025).
package stream
