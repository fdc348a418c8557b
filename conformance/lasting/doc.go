// Package lasting restarts, kills and moves both ends of a pair while users talk
// over it, in virtual time, and holds their sessions to what lasts: no number is
// used twice, no answer is somebody else's, nothing is done twice, and after the
// first handshake there is no second one unless a store was lost.
package lasting
