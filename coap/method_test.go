package coap

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
)

func TestMethodCode(t *testing.T) {
	for _, test := range []struct {
		method  string
		content bool
		code    endpoint.Code
		exact   bool
	}{
		{"GET", false, endpoint.GET, true},
		{"GET", true, endpoint.FETCH, true},
		{"HEAD", false, endpoint.GET, false},
		{"HEAD", true, endpoint.FETCH, false},
		{"POST", false, endpoint.POST, true},
		{"POST", true, endpoint.POST, true},
		{"PUT", true, endpoint.PUT, true},
		{"PATCH", true, endpoint.PATCH, true},
		{"DELETE", false, endpoint.DELETE, true},
		{"DELETE", true, endpoint.POST, false},
		{"REPORT", true, endpoint.POST, false},
		{"OPTIONS", false, endpoint.POST, false},
	} {
		code, exact := methodCode(test.method, test.content)
		assert.Equal(t, test.code, code, "%s content %t", test.method, test.content)
		assert.Equal(t, test.exact, exact, "%s content %t", test.method, test.content)
		if exact {
			back, ok := codeMethod(code)
			require.True(t, ok)
			assert.Equal(t, test.method, back)
		}
	}
}

func TestCodeMethodUnknown(t *testing.T) {
	for _, code := range []endpoint.Code{endpoint.Empty, endpoint.IPATCH, 8, 31, endpoint.Content} {
		_, ok := codeMethod(code)
		assert.False(t, ok, code.String())
	}
}

func TestValidMethod(t *testing.T) {
	for _, good := range []string{"GET", "HEAD", "OPTIONS", "M-SEARCH", strings.Repeat("A", 16)} {
		assert.True(t, validMethod(good), good)
	}
	for _, bad := range []string{"", "get", "GE T", "GET\r\n", "GET /x HTTP/1.1", "CONNECT", "TRACE", "Ä", strings.Repeat("A", 17)} {
		assert.False(t, validMethod(bad), "%q", bad)
	}
}

// TestMethodOption: what option 261 says decides, and only when it is a method.
func TestMethodOption(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for _, test := range []struct {
		code   endpoint.Code
		option string
		want   string // the method, or the refusal
	}{
		{endpoint.POST, "DELETE", "DELETE"},
		{endpoint.GET, "HEAD", "HEAD"},
		{endpoint.POST, "REPORT", "REPORT"},
		{endpoint.POST, "GET\r\nX: y", "405"},
		{endpoint.POST, "CONNECT", "405"},
		{endpoint.IPATCH, "", "405"},
	} {
		r := &endpoint.Request{Code: test.code}
		if test.option != "" {
			r.Options = r.Options.AddString(OptionMethod, test.option)
		}
		req, problem := m.decodeRequest(r)
		if problem != nil {
			assert.Equal(t, test.want, "405", "%s %q", test.code, test.option)
			assert.Equal(t, 405, problem.Status)
			continue
		}
		assert.Equal(t, test.want, req.Method)
	}
}
