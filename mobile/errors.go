package mobile

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/coapgw/coapgw/coap"
)

// What the text of every error begins with, before a colon.
const (
	// ErrorPairing: the pairing line cannot be read; the text says why.
	ErrorPairing = "pairing"
	// ErrorConfig: something in Config is impossible.
	ErrorConfig = "config"
	// ErrorState: StateDir cannot be used, perhaps because another process does.
	ErrorState = "state"
	// ErrorListen: Start, or Resume for it, cannot listen. Another app may have the port.
	ErrorListen = "listen"
	// ErrorSuspended: the gateway sleeps, or fell asleep before the answer came. Call Resume,
	// then try again. What changes something and is no PUT may have been carried out.
	ErrorSuspended = "suspended"
	// ErrorClosed: the gateway was closed.
	ErrorClosed = "closed"
	// ErrorRequest: the request cannot be made as it is.
	ErrorRequest = "request"
	// ErrorCancelled: Request.Cancel was called.
	ErrorCancelled = "cancelled"
	// ErrorTimeout: there was no answer in time. What the request asks for may have been done.
	ErrorTimeout = "timeout"
	// ErrorLink: the server cannot be reached, or the link failed.
	ErrorLink = "link"
)

// failure makes an error of that kind.
func failure(kind, format string, args ...any) error {
	return fmt.Errorf(kind+": "+format, args...)
}

var (
	// errSuspended and errClosed answer requests that a gateway does not take, or gave up
	// when it fell asleep.
	errSuspended = &coap.Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: "the gateway sleeps"}
	errClosed    = &coap.Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: "the gateway was closed"}
)

// explain makes the error of a request one that an app can read.
func explain(err error) error {
	var own *coap.Error
	switch {
	case errors.Is(err, errSuspended):
		return failure(ErrorSuspended, "%s", errSuspended.Message)
	case errors.Is(err, errClosed):
		return failure(ErrorClosed, "%s", errClosed.Message)
	case errors.Is(err, context.Canceled):
		return failure(ErrorCancelled, "the request was cancelled")
	case errors.Is(err, context.DeadlineExceeded):
		return failure(ErrorTimeout, "there was no answer in time")
	case !errors.As(err, &own):
		return failure(ErrorLink, "%w", err)
	case own.Status == http.StatusGatewayTimeout:
		return failure(ErrorTimeout, "%w", own)
	case own.Status < http.StatusInternalServerError:
		return failure(ErrorRequest, "%w", own)
	}
	return failure(ErrorLink, "%w", own)
}
