//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	gw "github.com/coapgw/coapgw/client"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/session/boltstore"
	"github.com/coapgw/coapgw/dtls"
)

func TestFailures(t *testing.T) {
	handshake := func(alert uint8, err error) error {
		return &coap.Error{Status: 502, ErrCode: "M_UNKNOWN", Err: &dtls.HandshakeError{Alert: alert, Err: err}}
	}
	for _, tt := range []struct {
		err  error
		want code
	}{
		{errHandle, codeHandle},
		{fmt.Errorf("around: %w", errClosed), codeClosed},
		{gw.ErrClosed, codeClosed},
		{gw.ErrSuspended, codeSuspended},
		{context.Canceled, codeCanceled},
		{context.DeadlineExceeded, codeTimedOut},
		{errors.New("no route to host"), codeLink},
		{&coap.Error{Status: 502, ErrCode: "M_UNKNOWN"}, codeLink},
		{&coap.Error{Status: 503, ErrCode: "M_LIMIT_EXCEEDED"}, codeBusy},
		{&coap.Error{Status: 504, ErrCode: "M_UNKNOWN", Err: context.DeadlineExceeded}, codeTimedOut},
		{&coap.Error{Status: 413, ErrCode: "M_TOO_LARGE"}, codeTooLarge},
		{&coap.Error{Status: 431, ErrCode: "M_TOO_LARGE"}, codeTooLarge},
		{&coap.Error{Status: 400, ErrCode: "M_NOT_JSON"}, codeBody},
		{&coap.Error{Status: 502, ErrCode: "M_NOT_JSON"}, codeBody},
		{&coap.Error{Status: 400, ErrCode: "M_UNRECOGNIZED"}, codeInvalid},
		{handshake(0, dtls.ErrUnknownIdentity), codeSecurity},
		{handshake(0, dtls.ErrFingerprint), codeSecurity},
		{handshake(40, errors.New("alert")), codeSecurity},
		{handshake(0, errors.New("reset")), codeLink},
		{&coap.Error{Status: 502, ErrCode: "M_UNKNOWN", Err: endpoint.NewPanicError("secret")}, codeInternal},
	} {
		assert.Equal(t, tt.want, failureOf(tt.err).code, "%v", tt.err)
	}
	silent := failureOf(&coap.Error{Status: 504, ErrCode: "M_UNKNOWN", Message: "no session", Err: &dtls.HandshakeError{Answered: true, Err: context.DeadlineExceeded}})
	assert.Equal(t, codeTimedOut, silent.code)
	assert.Contains(t, silent.message, "the keys may differ")
	assert.Equal(t, codeState, openFailure(fmt.Errorf("x: %w", boltstore.ErrInUse)).code)
	assert.Equal(t, codeInvalid, openFailure(errors.New("x")).code)
}

// A panic tells where it was and, unless it is the runtime's, nothing that it carried.
func TestFault(t *testing.T) {
	err := recovered("f", func() error { panic("secret") })
	assert.ErrorContains(t, err, "internal error in f: string at ")
	assert.ErrorContains(t, err, "failure_test.go:")
	assert.NotContains(t, err.Error(), "secret")
	err = recovered("f", func() error {
		var c *client
		return c.carrier.Close()
	})
	assert.ErrorContains(t, err, "nil pointer dereference at ")
	assert.Equal(t, codeInternal, failureOf(err).code)
	assert.NoError(t, recovered("f", func() error { return nil }))
}

func TestLogLines(t *testing.T) {
	var levels []slog.Level
	var lines []string
	log := slog.New(newLogHandler(slog.LevelInfo, func(level slog.Level, line string) {
		levels, lines = append(levels, level), append(lines, line)
	}))
	log.Debug("unheard")
	log.With("a", 1).WithGroup("g").Warn("two\nlines", "level", 2, "time", 3)
	assert.Equal(t, []slog.Level{slog.LevelWarn}, levels)
	assert.Equal(t, []string{`msg="two\nlines" a=1 g.level=2 g.time=3`}, lines)
}
