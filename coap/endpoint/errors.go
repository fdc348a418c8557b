package endpoint

import (
	"errors"
	"fmt"
)

// Errors of Conn. Further ones are *ResetError, *BlockError, *OptionError and
// what the context returned.
var (
	// ErrClosed: the session is over; open another.
	ErrClosed = errors.New("coap: session closed")
	// ErrTimeout: MAX_RETRANSMIT was exhausted without an acknowledgement
	// (RFC 7252 §4.2). The request may or may not have been executed.
	ErrTimeout = errors.New("coap: no answer from peer")
	// ErrForgotten: the peer acknowledged the request and knows nothing of it any more.
	// It was restarted, or could not deliver the response. The session is as good as
	// before; the request may have been executed, and one that is idempotent is best
	// made again at once.
	ErrForgotten = errors.New("coap: the peer has lost an acknowledged request")
	// ErrUnanswered: the peer has acknowledged the request and lives, but the response
	// has not come within Request.Patience. The session is as good as before; the
	// request was most likely executed.
	ErrUnanswered = errors.New("coap: acknowledged, but no response in time")
	// ErrBusy: too much waits for the link already. Ask again later, or ask for less.
	ErrBusy = errors.New("coap: too many requests wait for the link")
	// ErrTooLarge: the options leave no room for a block of 16 bytes in one
	// datagram of the profile. Send fewer options, or raise Profile.MTU.
	ErrTooLarge = errors.New("coap: options do not fit one datagram")
	// ErrNotObserved: the server answered a registration without registering it
	// (RFC 7641 §3.1). The response is valid; poll instead.
	ErrNotObserved = errors.New("coap: server does not let the resource be observed")
	// ErrTooManyObservers: the session already holds the most observers allowed.
	// Answer without registering; the client sees ErrNotObserved.
	ErrTooManyObservers = errors.New("coap: too many observers on this session")
	// ErrObserverGone: the observation is over; nobody waits for what was sent.
	ErrObserverGone = errors.New("coap: observation is over")
	// ErrNoRegistration: the request did not ask to observe.
	ErrNoRegistration = errors.New("coap: request does not register an observer")
)

// ResetError is returned when the peer rejected a message with a Reset: it could
// not process it, or it knows nothing of what the message belongs to (RFC 7252
// §4.2). Sending the same again is of no use.
type ResetError struct {
	// MessageID is that of the message rejected.
	MessageID uint16
}

// Error implements error.
func (e *ResetError) Error() string {
	return fmt.Sprintf("coap: peer rejected message %#04x", e.MessageID)
}

// BlockError is returned when a block-wise transfer broke (RFC 7959): by reading
// a body, or by Do while it sends one. The transfer must be started over.
type BlockError struct {
	// Offset is how many bytes of the body were transferred before.
	Offset int64
	// Code is the code with which the peer ended the transfer, Empty when it was
	// not the peer.
	Code Code
	// Reason says what happened.
	Reason string
}

// Error implements error.
func (e *BlockError) Error() string {
	if e.Code != Empty {
		return fmt.Sprintf("coap: block-wise transfer ended at byte %d: %s (%s)", e.Offset, e.Reason, e.Code)
	}
	return fmt.Sprintf("coap: block-wise transfer ended at byte %d: %s", e.Offset, e.Reason)
}

// OptionError is returned when a response carries a critical option that cannot
// be understood, and is therefore rejected (RFC 7252 §5.4.1). The request may
// have been executed.
type OptionError struct {
	// Number is that of the option.
	Number OptionNumber
}

// Error implements error.
func (e *OptionError) Error() string {
	return fmt.Sprintf("coap: response has critical option %d, which is unknown or malformed", e.Number)
}

// FormatError says why a datagram is no well-formed CoAP message (RFC 7252 §3,
// §4.2, §4.3).
type FormatError struct {
	// Reason names the rule that was broken.
	Reason string
}

// Error implements error.
func (e *FormatError) Error() string { return "coap: malformed message: " + e.Reason }
