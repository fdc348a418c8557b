package coap

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// Responses of version 2 have a payload of package wire2 and no Content-Format. With one,
// the content is not JSON and as in version 1.

// coding makes the payload of a response of version 2 out of JSON, nil for no body.
type coding func(json []byte, status int) ([]byte, error)

// payload2 makes the payload of a response whose body may be JSON. ok is false when it
// goes as in version 1.
func payload2(p payload, status int, contentType string, silent bool, code coding) (_ payload, ok bool) {
	switch {
	case silent, p.body != nil || p.data != nil:
		return p, false
	case p.json == nil && contentType == "application/json":
		return p, false // Content-Format alone
	}
	data, err := code(p.json, status)
	if err != nil {
		return p, false // not JSON
	}
	out := payload{contentType: p.contentType, explicit: p.explicit}
	if len(data) > 0 {
		out.body, out.size = bytes.NewReader(data), int64(len(data))
	}
	return out, true
}

// decodeResponse2 restores the HTTP response to r, a request of version 2. The error
// is wire2.ErrUnknown when the request is to be made again.
func (m *Mapping) decodeResponse2(resp *endpoint.Response, r *http.Request, x *wire2.Exchange) (*http.Response, error) {
	if !AnswersVersion2(resp, r.Method == http.MethodHead) {
		if byLayer(resp) || resp.Options.Has(OptionControl) {
			x.Refused()
		} else {
			x.Answered()
		}
		return m.decodeResponse(resp, r, PeerGateway)
	}
	status := responseStatus(resp)
	body, size := resp.Body, resp.Size
	var long []field
	if resp.Options.Has(OptionEnvelope) {
		items, rest, restSize, err := openEnvelope(body, size)
		if err != nil {
			x.Answered()
			return nil, errBadGateway("the envelope of the response is malformed", err)
		}
		body, size, long = rest, restSize, envelopeFields(items)
	}
	data, rest, err := readUpTo(body, size, m.maxJSON)
	if err != nil || rest != nil {
		x.Answered()
		_ = closeBody(resp.Body)
		if err == nil {
			err = errTooLarge("the response is larger than the gateway converts")
		}
		return nil, broken(err)
	}
	_ = closeBody(resp.Body)
	json, ok, err := x.Response(nil, data, status)
	if errors.Is(err, wire2.ErrUnknown) {
		return nil, err
	}
	if err != nil {
		return nil, errBadGateway("the response of wire version 2 has no JSON form", err)
	}
	plain := *resp
	plain.Body, plain.Size = nil, 0
	plain.Options = resp.Options.Remove(OptionEnvelope).Remove(OptionStatus).AddUint(OptionStatus, uint32(status))
	out, err := m.decodeResponse(&plain, r, PeerGateway)
	if err != nil {
		return nil, err
	}
	out.Body, out.ContentLength = http.NoBody, 0
	if ok {
		out.Body, out.ContentLength = readCloser(json), int64(len(json))
		fs := append(optionFields(resp.Options), long...)
		if !named(fs, "Content-Type") {
			out.Header.Set("Content-Type", "application/json")
		}
	}
	restoreFields(out.Header, long, inResponse)
	return out, nil
}

// named reports whether there is a field of that name.
func named(fs []field, name string) bool {
	for _, f := range fs {
		if f.name == name {
			return true
		}
	}
	return false
}

// AnswersVersion2 reports whether the response to a request of wire version 2 is of that version as well, its
// payload, which may be empty, a message of it (docs/wire-v2.md, "Which message is of version 2"); head says
// that the request is HEAD. A Transport goes by it, and so may who looks at messages. It does not read the body.
func AnswersVersion2(resp *endpoint.Response, head bool) bool {
	return !byLayer(resp) && !resp.Options.Has(OptionControl) && !resp.Options.Has(endpoint.ContentFormat) &&
		!head && hasContent(responseStatus(resp))
}

// byLayer reports whether a response is the message layer's own: the request was not
// read.
func byLayer(resp *endpoint.Response) bool {
	switch resp.Code {
	case endpoint.BadOption, endpoint.RequestEntityIncomplete:
		return true
	}
	return byMessageLayer(resp.Code) && resp.Size == 0 && !resp.Options.Has(OptionStatus)
}

// responseStatus is the HTTP status of a coapgw's response.
func responseStatus(resp *endpoint.Response) int {
	if v, ok := resp.Options.GetUint(OptionStatus); ok && v >= 200 && v <= 999 {
		return int(v)
	}
	return codeStatus(resp.Code)
}

func errBadGateway(message string, err error) *Error {
	return &Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: message, Err: err}
}

// broken is what the client is told of a response that could not be read.
func broken(err error) error {
	var problem *Error
	if errors.As(err, &problem) { // our own words, but the fault is the peer's
		problem.Status = http.StatusBadGateway
		return problem
	}
	return exchangeError(err)
}

func readCloser(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }
