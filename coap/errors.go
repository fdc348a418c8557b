package coap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// Error is an answer that this side of the link gives itself. It says what an
// HTTP client is told: a Matrix error with a status.
type Error struct {
	// Status is the HTTP status: 400, 405, 413, 414, 431, 502, 503 or 504.
	Status int
	// ErrCode is the Matrix error code.
	ErrCode string
	// Message is one sentence for a person.
	Message string
	// Err is what happened underneath; nil when Message says it all.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return "coap: " + e.Message + ": " + e.Err.Error()
	}
	return "coap: " + e.Message
}

// Unwrap returns what happened underneath.
func (e *Error) Unwrap() error { return e.Err }

// Body returns the JSON object that a Matrix client expects with the status.
func (e *Error) Body() []byte {
	b := cborcodec.AppendJSONString([]byte(`{"errcode":`), e.ErrCode)
	return append(cborcodec.AppendJSONString(append(b, `,"error":`...), e.Message), '}')
}

// errNotCarried says that a request cannot be carried to a peer that is no
// coapgw.
func errNotCarried(format string, args ...any) *Error {
	return &Error{
		Status:  http.StatusBadRequest,
		ErrCode: "M_UNRECOGNIZED",
		Message: fmt.Sprintf("the gateway at the other end speaks only MSC3079 version 1, which cannot carry "+format, args...),
	}
}

func errTooLarge(message string) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, ErrCode: "M_TOO_LARGE", Message: message}
}

func errBadBody(status int, message string, err error) *Error {
	return &Error{Status: status, ErrCode: "M_NOT_JSON", Message: message, Err: err}
}

// exchangeError turns an error of the message layer into an answer.
func exchangeError(err error) error {
	var own *Error
	var block *endpoint.BlockError
	var timeout net.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, endpoint.ErrTooLarge):
		return &Error{Status: http.StatusRequestHeaderFieldsTooLarge, ErrCode: "M_TOO_LARGE", Message: "path, query, access token and headers do not fit a datagram of this link", Err: err}
	case errors.Is(err, endpoint.ErrBusy):
		return &Error{Status: http.StatusServiceUnavailable, ErrCode: "M_LIMIT_EXCEEDED", Message: "too many requests wait for the link", Err: err}
	case errors.Is(err, endpoint.ErrChallenged):
		return &Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: "the gateway at the other end was restarted and wants this request again", Err: err}
	case errors.Is(err, endpoint.ErrForgotten):
		return &Error{Status: http.StatusGatewayTimeout, ErrCode: "M_UNKNOWN", Message: "the gateway at the other end lost this request, which may have been carried out", Err: err}
	case errors.Is(err, endpoint.ErrTimeout), errors.Is(err, endpoint.ErrUnanswered), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return &Error{Status: http.StatusGatewayTimeout, ErrCode: "M_UNKNOWN", Message: "the link did not answer in time", Err: err}
	case errors.As(err, &block):
		return &Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "a block-wise transfer over the link failed", Err: err}
	}
	return &Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the link to the gateway failed", Err: err}
}

// dialError turns an error of Dial into an answer.
func dialError(err error) error {
	var own *Error
	var timeout net.Error
	switch {
	case errors.As(err, &own), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &Error{Status: http.StatusGatewayTimeout, ErrCode: "M_UNKNOWN", Message: "no session with the gateway could be opened in time", Err: err}
	}
	return &Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "no session with the gateway could be opened", Err: err}
}
