//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"

	"github.com/coapgw/coapgw/cborcodec"
	gw "github.com/coapgw/coapgw/client"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/session/boltstore"
	"github.com/coapgw/coapgw/dtls"
)

// failure is an error with its code. What it wraps is for tests and the log; programs get
// the message alone.
type failure struct {
	code    code
	message string
	err     error
}

// Error implements error.
func (f *failure) Error() string { return f.message }

// Unwrap returns what happened underneath.
func (f *failure) Unwrap() error { return f.err }

var (
	errHandle    = &failure{code: codeHandle, message: "there is no such client or observation, or it was closed"}
	errClosed    = &failure{code: codeClosed, message: "the client was closed meanwhile"}
	errCanceled  = &failure{code: codeCanceled, message: "canceled"}
	errSuspended = &failure{code: codeSuspended, message: "the client is suspended"}
	errNoMemory  = &failure{code: codeNoMemory, message: "no memory for the result"}
	errOvertime  = &failure{code: codeTimedOut, message: "no answer within timeout_ms"}
)

// invalid says what is wrong with an argument.
func invalid(message string) *failure { return &failure{code: codeInvalid, message: message} }

// bodyFailure is about a body that cannot be turned.
func bodyFailure(message string, err error) *failure {
	f := &failure{code: codeBody, message: message + ": " + err.Error(), err: err}
	var limit *cborcodec.LimitError
	if errors.As(err, &limit) {
		f.code = codeTooLarge
	}
	return f
}

// stateFailure is about the state file.
func stateFailure(err error) *failure {
	return &failure{code: codeState, message: "the state file cannot be used: " + err.Error(), err: err}
}

// fault is a panic that was caught.
func fault(where string, panicked any) *failure {
	what := endpoint.NewPanicError(panicked).What
	return &failure{code: codeInternal, message: fmt.Sprintf("internal error in %s: %s at %s", where, what, panicSite())}
}

// panicSite is the line that panicked, called from what recovers.
func panicSite() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for panicking := false; ; {
		frame, more := frames.Next()
		ours := !strings.HasPrefix(frame.Function, "runtime.")
		switch {
		case frame.Function == "runtime.gopanic":
			panicking = true
		case panicking && ours:
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// failureOf finds what a program is told of an error of package client.
func failureOf(err error) *failure {
	var own *failure
	if errors.As(err, &own) {
		return own
	}
	switch {
	case errors.Is(err, gw.ErrSuspended):
		return errSuspended
	case errors.Is(err, gw.ErrClosed):
		return errClosed
	}
	f := &failure{code: codeLink, message: "the link to the gateway failed", err: err}
	var carried *coap.Error
	if errors.As(err, &carried) {
		f.code, f.message = codeOf(carried), carried.Message
	}
	var panicked *endpoint.PanicError
	if errors.As(err, &panicked) {
		return &failure{code: codeInternal, message: "internal error: " + panicked.What, err: err}
	}
	var refused *dtls.HandshakeError
	switch {
	case errors.Is(err, dtls.ErrUnknownIdentity), errors.Is(err, dtls.ErrFingerprint):
		f.code = codeSecurity
	case errors.As(err, &refused) && refused.Alert != 0:
		f.code = codeSecurity
	case carried != nil:
	case errors.Is(err, context.Canceled):
		return errCanceled
	case errors.Is(err, context.DeadlineExceeded):
		f.code, f.message = codeTimedOut, "no answer in time"
	}
	if refused != nil && refused.Alert == 0 && refused.Answered && f.code != codeSecurity {
		// Nobody says that a key is wrong: what does not decrypt is dropped (RFC 6347 §4.1.2.7).
		f.message = "the handshake with the gateway did not complete: the keys may differ, or the link lost too much"
	}
	if f.code == codeSecurity {
		f.message = "the handshake with the gateway was refused: pair again"
	}
	return f
}

// codeOf is what can be done about an answer that this side of the link gave itself.
func codeOf(err *coap.Error) code {
	switch err.Status {
	case http.StatusGatewayTimeout:
		return codeTimedOut
	case http.StatusServiceUnavailable:
		return codeBusy
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return codeTooLarge
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusForbidden, http.StatusUnsupportedMediaType:
		if err.ErrCode == "M_NOT_JSON" {
			return codeBody
		}
		return codeInvalid
	}
	if err.ErrCode == "M_NOT_JSON" {
		return codeBody
	}
	return codeLink
}

// openFailure is about a client that cannot be opened.
func openFailure(err error) *failure {
	for _, of := range []error{boltstore.ErrDamaged, boltstore.ErrInUse, boltstore.ErrWrongKey} {
		if errors.Is(err, of) {
			return stateFailure(err)
		}
	}
	return &failure{code: codeInvalid, message: err.Error(), err: err}
}
