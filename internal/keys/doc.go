// Package keys makes and reads what the two sides of a link prove themselves
// with: pre-shared keys and their file, certificates and a household CA, and the
// pairing line that takes all of it from one side to the other. It has no network
// and reads no clock.
package keys
