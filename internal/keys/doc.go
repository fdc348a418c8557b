// Package keys makes and reads what the two sides of a link prove themselves
// with: pre-shared keys and their file, certificates and a household CA. The pairing
// line that takes it from one side to the other is package pairing's. It has no network
// and reads no clock.
package keys
