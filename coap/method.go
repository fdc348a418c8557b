package coap

import (
	"net/http"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// methodRow pairs an HTTP method with the CoAP code that means the same
// (RFC 7252 §5.8, RFC 8132 §3).
type methodRow struct {
	method string
	code   endpoint.Code
}

var methodTable = [...]methodRow{
	{http.MethodGet, endpoint.GET},
	{http.MethodPost, endpoint.POST},
	{http.MethodPut, endpoint.PUT},
	{http.MethodDelete, endpoint.DELETE},
	{http.MethodPatch, endpoint.PATCH},
}

// methodCode returns the code for an HTTP request. exact is false when the code
// alone would not tell the peer the method: it then needs OptionMethod.
// A GET with content travels as FETCH (RFC 8132 §2), a DELETE with content as
// POST, because RFC 7252 §5.8.1 and §5.8.4 give their payloads no meaning.
func methodCode(method string, content bool) (code endpoint.Code, exact bool) {
	switch {
	case method == http.MethodHead && content:
		return endpoint.FETCH, false
	case method == http.MethodHead:
		return endpoint.GET, false
	case method == http.MethodGet && content:
		return endpoint.FETCH, true
	case method == http.MethodDelete && content:
		return endpoint.POST, false
	}
	for _, row := range methodTable {
		if row.method == method {
			return row.code, true
		}
	}
	return endpoint.POST, false
}

// codeMethod returns the HTTP method that a request code means.
func codeMethod(code endpoint.Code) (method string, ok bool) {
	if code == endpoint.FETCH {
		return http.MethodGet, true
	}
	for _, row := range methodTable {
		if row.code == code {
			return row.method, true
		}
	}
	return "", false
}

// validMethod reports whether s may be an HTTP method (RFC 9110 §5.6.2 token) of
// a sane length. CONNECT and TRACE never travel.
func validMethod(s string) bool {
	if len(s) == 0 || len(s) > 16 || s == http.MethodConnect || s == http.MethodTrace {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return true
}
