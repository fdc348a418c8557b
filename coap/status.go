package coap

import (
	"net/http"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// statusRow pairs an HTTP status with a CoAP response code. Where several codes
// mean the status, the first row is the one that is sent; where several statuses
// share a code, the first row is what the code means by itself.
type statusRow struct {
	status int
	code   endpoint.Code
}

// statusTable is RFC 8075 §7 table 2 in both directions, with the codes that were
// registered since (RFC 8132 §6, RFC 8516 §7). 200 is 2.05 whatever the method, as
// MSC3079 peers send and expect it. 401 and 402 to 4.02 differ from RFC 8075 on
// purpose: a Matrix client must see M_UNKNOWN_TOKEN with its 401, and 4.02 and
// 4.08 never stand for an answer of the homeserver.
var statusTable = [...]statusRow{
	{http.StatusOK, endpoint.Content},
	{http.StatusOK, endpoint.Changed},
	{http.StatusOK, endpoint.Deleted},
	{http.StatusCreated, endpoint.Created},
	{http.StatusAccepted, endpoint.Changed},
	{http.StatusNoContent, endpoint.Changed},
	{http.StatusResetContent, endpoint.Changed},
	{http.StatusNotModified, endpoint.Valid},
	{http.StatusBadRequest, endpoint.BadRequest},
	{http.StatusBadRequest, endpoint.BadOption},
	{http.StatusUnauthorized, endpoint.Unauthorized},
	{http.StatusForbidden, endpoint.Forbidden},
	{http.StatusNotFound, endpoint.NotFound},
	{http.StatusGone, endpoint.NotFound},
	{http.StatusMethodNotAllowed, endpoint.MethodNotAllowed},
	{http.StatusNotAcceptable, endpoint.NotAcceptable},
	{http.StatusBadRequest, endpoint.RequestEntityIncomplete},
	{http.StatusConflict, endpoint.Conflict},
	{http.StatusPreconditionFailed, endpoint.PreconditionFailed},
	{http.StatusRequestEntityTooLarge, endpoint.RequestEntityTooLarge},
	{http.StatusRequestURITooLong, endpoint.RequestEntityTooLarge},
	{http.StatusUnsupportedMediaType, endpoint.UnsupportedContentFormat},
	{http.StatusUnprocessableEntity, endpoint.UnprocessableEntity},
	{http.StatusTooManyRequests, endpoint.TooManyRequests},
	{http.StatusInternalServerError, endpoint.InternalServerError},
	{http.StatusNotImplemented, endpoint.NotImplemented},
	{http.StatusBadGateway, endpoint.BadGateway},
	{http.StatusBadGateway, endpoint.ProxyingNotSupported},
	{http.StatusServiceUnavailable, endpoint.ServiceUnavailable},
	{http.StatusGatewayTimeout, endpoint.GatewayTimeout},
	{http.StatusRequestTimeout, endpoint.GatewayTimeout},
}

// statusCode returns the response code for an HTTP status, and whether the code
// alone tells the status back. The function is total: a status without a row gets
// the code of its class (RFC 7252 §5.9), a redirection 5.02, because no CoAP code
// tells a client to go elsewhere.
func statusCode(status int) (code endpoint.Code, exact bool) {
	for _, row := range statusTable {
		if row.status == status {
			return row.code, codeStatus(row.code) == status
		}
	}
	switch {
	case status >= 200 && status < 300:
		return endpoint.Changed, false
	case status >= 400 && status < 500:
		return endpoint.BadRequest, false
	case status >= 500 && status < 600:
		return endpoint.InternalServerError, false
	}
	return endpoint.BadGateway, false
}

// codeStatus returns the HTTP status that a response code means by itself. It is
// total: an unregistered code has the meaning of the x.00 of its class
// (RFC 7252 §5.9), and one that no server may send as a final answer is 502.
func codeStatus(code endpoint.Code) int {
	for _, row := range statusTable {
		if row.code == code {
			return row.status
		}
	}
	switch code.Class() {
	case 2:
		if code == endpoint.Continue {
			return http.StatusBadGateway
		}
		return http.StatusOK
	case 4:
		return http.StatusBadRequest
	case 5:
		return http.StatusInternalServerError
	}
	return http.StatusBadGateway
}
