// Package pairing reads and writes the line that tells a client where its server is and how
// both prove themselves: what coapgw keygen prints, and what a person copies or scans. It
// has no network and reads no clock.
package pairing
