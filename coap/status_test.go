package coap

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// TestStatusBothWays: between two coapgw every final status arrives as it was.
func TestStatusBothWays(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for status := 200; status <= 999; status++ {
		resp, err := m.EncodeResponse(status, nil, nil, PeerGateway)
		require.NoError(t, err)
		require.True(t, resp.Code.IsResponse(), "%d became %s", status, resp.Code)
		got, err := m.decodeResponse(resp, httptest.NewRequest("GET", "/", nil), PeerGateway)
		require.NoError(t, err)
		require.Equal(t, status, got.StatusCode)
	}
}

// TestStatusOutOfRange: what is no final HTTP status never comes out as one.
func TestStatusOutOfRange(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for _, option := range [][]byte{{}, {0}, {100}, {199}, {3, 232}, {255, 255}, {1, 0, 0, 0, 0}} {
		resp := &endpoint.Response{Code: endpoint.BadGateway, Options: endpoint.Options(nil).Add(OptionStatus, option)}
		got, err := m.decodeResponse(resp, httptest.NewRequest("GET", "/", nil), PeerGateway)
		require.NoError(t, err)
		assert.Equal(t, http.StatusBadGateway, got.StatusCode, "%x", option)
	}
}

// TestStatusCode: RFC 8075 §7 table 2 where it has a pair, and the best code of
// the class where it has none.
func TestStatusCode(t *testing.T) {
	for status, want := range map[int]string{
		100: "5.02", 199: "5.02",
		200: "2.05", 201: "2.01", 202: "2.04", 203: "2.04", 204: "2.04", 205: "2.04", 206: "2.04", 299: "2.04",
		300: "5.02", 301: "5.02", 302: "5.02", 303: "5.02", 304: "2.03", 307: "5.02", 308: "5.02", 399: "5.02",
		400: "4.00", 401: "4.01", 402: "4.00", 403: "4.03", 404: "4.04", 405: "4.05", 406: "4.06", 408: "5.04",
		409: "4.09", 410: "4.04", 411: "4.00", 412: "4.12", 413: "4.13", 414: "4.13", 415: "4.15", 418: "4.00",
		422: "4.22", 429: "4.29", 499: "4.00",
		500: "5.00", 501: "5.01", 502: "5.02", 503: "5.03", 504: "5.04", 505: "5.00", 507: "5.00", 599: "5.00",
		600: "5.02", 999: "5.02",
	} {
		code, _ := statusCode(status)
		assert.Equal(t, want, code.String(), "status %d", status)
	}
}

// TestStatusCodeExact: the code alone is enough exactly where it is read as the
// status that it was made of.
func TestStatusCodeExact(t *testing.T) {
	for status := 100; status <= 999; status++ {
		code, exact := statusCode(status)
		require.Equal(t, codeStatus(code) == status, exact, "status %d", status)
	}
}

// TestCodeStatus covers all 256 codes: those of RFC 8075 §7, and a status that
// HTTP knows for every other.
func TestCodeStatus(t *testing.T) {
	want := map[string]int{
		"2.01": 201, "2.02": 200, "2.03": 304, "2.04": 200, "2.05": 200, "2.31": 502,
		"4.00": 400, "4.01": 401, "4.02": 400, "4.03": 403, "4.04": 404, "4.05": 405, "4.06": 406, "4.08": 400,
		"4.09": 409, "4.12": 412, "4.13": 413, "4.15": 415, "4.22": 422, "4.29": 429,
		"5.00": 500, "5.01": 501, "5.02": 502, "5.03": 503, "5.04": 504, "5.05": 502,
	}
	class := map[uint8]int{2: 200, 4: 400, 5: 500}
	for c := 0; c < 256; c++ {
		code := endpoint.Code(c)
		got := codeStatus(code)
		switch named, ok := want[code.String()]; {
		case ok:
			assert.Equal(t, named, got, code.String())
		case class[code.Class()] != 0:
			assert.Equal(t, class[code.Class()], got, code.String())
		default:
			assert.Equal(t, http.StatusBadGateway, got, code.String())
		}
	}
}

// TestStatusOptionOnlyBetweenGateways: a foreign peer gets the bare code, and its
// option 264 is no status to us.
func TestStatusOptionOnlyBetweenGateways(t *testing.T) {
	m := NewMapping(MappingConfig{})
	resp, err := m.EncodeResponse(418, nil, nil, PeerForeign)
	require.NoError(t, err)
	assert.Empty(t, resp.Options)
	resp, err = m.EncodeResponse(418, nil, nil, PeerGateway)
	require.NoError(t, err)
	got, err := m.decodeResponse(resp, httptest.NewRequest("GET", "/", nil), PeerForeign)
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, got.StatusCode)
}

// TestNoContentFromForeign: 2.04 without content is 204 (RFC 8075 §7, note 2).
func TestNoContentFromForeign(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for _, test := range []struct {
		code endpoint.Code
		body string
		want int
	}{
		{endpoint.Changed, "", 204}, {endpoint.Deleted, "", 204}, {endpoint.Content, "", 200},
		{endpoint.Changed, "\xa0", 200}, {endpoint.Deleted, "\xa0", 200},
	} {
		resp := &endpoint.Response{Code: test.code, Body: strings.NewReader(test.body), Size: int64(len(test.body))}
		got, err := m.decodeResponse(resp, httptest.NewRequest("PUT", "/", nil), PeerForeign)
		require.NoError(t, err)
		assert.Equal(t, test.want, got.StatusCode, "%s %x", test.code, test.body)
	}
}
