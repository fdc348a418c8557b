package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// writeError answers with a Matrix error.
func writeError(w http.ResponseWriter, e *coap.Error) {
	body := e.Body()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	w.Write(body)
}

// errTooLarge answers a body beyond the limit.
func errTooLarge() *coap.Error {
	return &coap.Error{
		Status: http.StatusRequestEntityTooLarge, ErrCode: "M_TOO_LARGE",
		Message: "the body is larger than this gateway accepts",
	}
}

// upstreamError finds the answer to a request that upstream, which is called
// name, did not answer.
func upstreamError(err error, name string) *coap.Error {
	var (
		own     *coap.Error
		large   *http.MaxBytesError
		network net.Error
	)
	switch {
	case errors.As(err, &large):
		return errTooLarge()
	case errors.As(err, &own):
		return own
	case errors.Is(err, endpoint.ErrTimeout), errors.Is(err, endpoint.ErrUnanswered), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return &coap.Error{
			Status: http.StatusGatewayTimeout, ErrCode: "M_UNKNOWN",
			Message: "the " + name + " did not answer in time", Err: err,
		}
	}
	return &coap.Error{
		Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN",
		Message: "the " + name + " cannot be reached", Err: err,
	}
}

// clientBody is the body of a request as the client sends it. What is wrong with it is the client's
// fault, and no other's.
type clientBody struct{ io.ReadCloser }

// Read implements io.Reader. It fails with a *coap.Error where the body is malformed or breaks off.
func (b clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	var large *http.MaxBytesError
	if err == nil || err == io.EOF || errors.As(err, &large) || errors.Is(err, http.ErrBodyReadAfterClose) {
		return n, err
	}
	return n, &coap.Error{
		Status: http.StatusBadRequest, ErrCode: "M_UNKNOWN", Message: "the body of the request is malformed, or broke off", Err: err,
	}
}
