package dtls

import (
	"errors"
	"fmt"
	"net"
)

// Errors that tell the caller what to do.
var (
	// ErrUnknownIdentity: the server has no key for the PSK identity. Pair again.
	ErrUnknownIdentity = errors.New("dtls: the server does not know this PSK identity")
	// ErrFingerprint: the server showed another certificate than the pinned one.
	// Do not go on: pair again over a channel that you trust.
	ErrFingerprint = errors.New("dtls: certificate does not match the pinned fingerprint")
	// ErrNoServerName: certificates are to be verified by a CA, but against no
	// name; any certificate of that CA would pass.
	ErrNoServerName = errors.New("dtls: a server name is needed to verify the certificate")
	// ErrNoCredentials: neither a key nor a way to verify certificates was given.
	ErrNoCredentials = errors.New("dtls: no key and no certificate configured")
	// ErrExhausted: the session has sent as many records as its keys may
	// protect, and has ended. Dial again.
	ErrExhausted = errors.New("dtls: record limit of the session reached")
	// ErrReset: the server has lost the session and said so with the token that it
	// gave for this case. Dial again; what was not answered may have been done.
	ErrReset = errors.New("dtls: the server does not know the session any more")
	// ErrNoSession: the store has no session of this name. Dial.
	ErrNoSession = errors.New("dtls: no such session is stored")
	// ErrKeysOnly: the program was built with the tag coapgw_psk, and knows no certificates.
	ErrKeysOnly = errors.New("dtls: this program was built for pre-shared keys alone")
	// ErrTooLong: the datagram is longer than any peer of ours reads. Send less.
	ErrTooLong = errors.New("dtls: datagram too long")
)

// ShortKeyError reports a pre-shared key below MinKey bytes. Generate another.
type ShortKeyError struct {
	// Identity is the PSK identity the key belongs to.
	Identity string
	// Len is the length of the key, in bytes.
	Len int
}

// Error implements error.
func (e *ShortKeyError) Error() string {
	return fmt.Sprintf("dtls: the key of identity %q has %d bytes, at least %d are needed", e.Identity, e.Len, MinKey)
}

// HandshakeError reports a Dial that failed. It unwraps to ErrUnknownIdentity,
// ErrFingerprint, the context's error, or what the handshake said.
type HandshakeError struct {
	// Peer is the address that was dialled.
	Peer net.Addr
	// Answered tells whether anything at all came back. Without an answer the
	// address may be wrong or the link down. With one, a timeout means in most
	// cases that the keys differ: records that do not decrypt are dropped in
	// silence (RFC 6347 §4.1.2.7).
	Answered bool
	// Alert is the TLS alert that the peer sent (RFC 5246 §7.2), 0 when none. It
	// came in clear, so anyone on the path could have sent it.
	Alert uint8
	// Err is the cause.
	Err error
}

// Error implements error.
func (e *HandshakeError) Error() string {
	switch {
	case errors.Is(e.Err, ErrFingerprint):
		return fmt.Sprintf("dtls: handshake with %s given up: %v", e.Peer, e.Err)
	case e.Alert != 0:
		return fmt.Sprintf("dtls: %s refused the handshake (alert %d): %v", e.Peer, e.Alert, e.Err)
	case e.Answered:
		return fmt.Sprintf("dtls: handshake with %s did not complete, the keys may differ: %v", e.Peer, e.Err)
	default:
		return fmt.Sprintf("dtls: no answer from %s: %v", e.Peer, e.Err)
	}
}

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }
