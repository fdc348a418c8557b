package coap

import (
	"bytes"
	"net/http"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// EncodeRequest makes the CoAP request for an HTTP request to a peer of that kind,
// without what a session adds: token, slot and what both ends say of themselves.
// It reads the body of r. The error is a *Error when the request cannot be carried.
func (m *Mapping) EncodeRequest(r *http.Request, kind PeerKind) (*endpoint.Request, error) {
	out, err := m.prepareRequest(r)
	if err != nil {
		return nil, err
	}
	return out.encode(m, kind)
}

// EncodeResponse makes the CoAP response for an HTTP response whose body is in
// memory, to a peer of that kind that knows the integer keys.
func (m *Mapping) EncodeResponse(status int, header http.Header, body []byte, kind PeerKind) (*endpoint.Response, error) {
	a := answer{status: status, header: header, size: int64(len(body))}
	if len(body) > 0 {
		a.body = bytes.NewReader(body)
	}
	return m.encodeResponse(a, audience{gateway: kind == PeerGateway})
}
