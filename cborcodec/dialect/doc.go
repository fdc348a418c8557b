// Package dialect is the vocabulary of wire version 2: JSON and whole HTTP requests
// as CBOR (RFC 8949) in which the words of Matrix are numbers and its identifiers are
// bytes. It converts without loss, as package cborcodec does, whose walk over the
// tokens it extends.
//
// # Forms
//
//   - Keys beyond those of version 1 are negative integers.
//   - Words, which are frequent strings and whole objects, are simple values.
//   - Typed strings have a tag of one byte: identifiers on the home server, hashes
//     and keys in base64, numbered key IDs, UUIDs, numbers in strings, sync tokens,
//     transaction IDs. Event IDs of today's rooms are bare byte strings.
//   - Times are differences to the time before them in the same message.
//   - A request is a CBOR sequence (RFC 8742) of a route, its parameters, a query and
//     a body.
//   - What both ends know of a session (Context) is left out or counted from: sync tokens,
//     times, ages, counters, what a client asks again, and what it sent.
//
// An item is written only if it reads back as the same string. The tables are fixed:
// Tables identifies them, and both ends must have the same.
//
// # Cost
//
// Time and memory are linear in input and output. A word stands for at most 512
// bytes, a reference for 255, and three bytes for up to 2048 of what was sent before, so a
// hostile payload of n bytes makes at most 700 n of JSON before Limits stop it. Bodies are converted without allocation into buffers
// that are large enough; a request needs a few strings.
package dialect
