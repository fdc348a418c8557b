package recorder

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompareJSONBodies(t *testing.T) {
	tests := []struct {
		name      string
		sent, got string
		faults    int
		reordered []string
		respelled []string
	}{
		{name: "identical", sent: `{"a":[1,"x",true,null,{}]}`, got: `{"a":[1,"x",true,null,{}]}`},
		{name: "white space", sent: " { \"a\" :\t[ 1 , 2 ]\r\n}\n", got: `{"a":[1,2]}`},
		{name: "escapes", sent: `["\u0041\/\n\u00fc\ud83d\udea2"]`, got: `["A/\u000aü🚢"]`},
		{name: "numeric and empty keys", sent: `{"":0,"8":1}`, got: `{"":0,"8":1}`},
		{name: "top-level scalar", sent: ` "x" `, got: `"x"`},
		{name: "escaped quote and backslash", sent: `["\"","\\","\\\""]`, got: `["\u0022","\u005c","\u005c\u0022"]`},

		{name: "order", sent: `{"x":{"a":1,"b":2}}`, got: `{"x":{"b":2,"a":1}}`, reordered: []string{"/x"}},
		{name: "pointer escapes", sent: `{"a/b~":{"1":1,"2":2}}`, got: `{"a/b~":{"2":2,"1":1}}`, reordered: []string{"/a~1b~0"}},
		{name: "exponent", sent: `[1e2,1.50,120]`, got: `[100,1.5,1.2E+2]`, respelled: []string{"/0", "/1", "/2"}},
		{name: "float for an integer", sent: `[1.0]`, got: `[1]`, respelled: []string{"/0"}},
		{name: "huge exponent", sent: `[1e999999999999999999999]`, got: `[10e999999999999999999998]`, respelled: []string{"/0"}},
		{name: "zeros", sent: `[0,0.0,0e5]`, got: `[0.0,0,0]`, respelled: []string{"/0", "/1", "/2"}},

		{name: "other value", sent: `{"a":"x"}`, got: `{"a":"y"}`, faults: 1},
		{name: "other literal", sent: `[true]`, got: `[false]`, faults: 1},
		{name: "other kind", sent: `["1"]`, got: `[1]`, faults: 1},
		{name: "integer beyond 2^53", sent: `[9007199254740993]`, got: `[9007199254740992]`, faults: 1},
		{name: "sign of zero", sent: `[-0]`, got: `[0]`, faults: 1},
		{name: "exponents apart by one", sent: `[1e999999999999999999999]`, got: `[1e999999999999999999998]`, faults: 1},
		{name: "missing item", sent: `[1,2]`, got: `[1]`, faults: 1},
		{name: "missing member", sent: `{"a":1,"b":2}`, got: `{"a":1}`, faults: 1},
		{name: "new member", sent: `{"a":1}`, got: `{"a":1,"b":2}`, faults: 1},
		{name: "renamed member", sent: `{"a":1}`, got: `{"b":1}`, faults: 2},
		{name: "lost duplicate", sent: `{"a":1,"a":2}`, got: `{"a":2}`, faults: 1},
		{name: "swapped duplicates", sent: `{"a":1,"a":2}`, got: `{"a":2,"a":1}`, faults: 2},
		{name: "lone surrogate replaced", sent: `["\ud83d"]`, got: `["\ufffd"]`, faults: 1},
		{name: "lone surrogate before a letter", sent: `["\ud83dA"]`, got: `["\ufffdA"]`, faults: 1},
		{name: "swapped surrogates", sent: `["\udea2\ud83d"]`, got: `["🚢"]`, faults: 1},
		{name: "not JSON any more", sent: `{}`, got: "\xa0", faults: 1},
		{name: "empty", sent: `{}`, got: ``, faults: 1},
		{name: "broken JSON must stay as it is", sent: `{"a":`, got: `{"a": `, faults: 1},
		{name: "two faults", sent: `{"a":1,"b":[2]}`, got: `{"a":2,"b":[3]}`, faults: 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := CompareResponses(JSON(200, test.sent), JSON(200, test.got))
			assert.Len(t, d.Faults, test.faults, "%q", d.Faults)
			assert.Equal(t, test.reordered, d.Reordered)
			assert.Equal(t, test.respelled, d.Respelled)
			assert.Equal(t, test.faults == 0, d.Err() == nil)
		})
	}
}

func TestCompareOtherBodies(t *testing.T) {
	media := func(body string) Response {
		return Response{Header: http.Header{"Content-Type": {"image/png"}}, Body: []byte(body)}
	}
	require.NoError(t, CompareResponses(media("{ }"), media("{ }")).Err())
	require.Error(t, CompareResponses(media("{ }"), media("{}")).Err(), "not JSON by its label: byte for byte")

	long := strings.Repeat("x", 1000)
	err := CompareResponses(media(long+"a"+long), media(long+"b")).Err()
	require.EqualError(t, err, `body: sent 2001 bytes, got 1001; at offset 1000 sent "axxxxxxxxxxxxxxxxxxxxxxx"…, got "b"`)
}

func TestCompareRequestLine(t *testing.T) {
	sent := Request{Method: "PUT", URI: "/rooms/%21a/state/t/a%2Fb?x=%20", Header: http.Header{
		"Authorization": {"Bearer secret-1"}, "Content-Type": {"application/json; charset=utf-8"},
	}, Body: []byte(`{}`)}
	require.Empty(t, CompareRequests(sent, sent))

	tests := []struct {
		name   string
		change func(*Request)
		fault  string
	}{
		{"method", func(r *Request) { r.Method = "POST" }, "method: sent PUT, got POST"},
		{"escape", func(r *Request) { r.URI = "/rooms/!a/state/t/a%2Fb?x=%20" }, "target: "},
		{"query", func(r *Request) { r.URI = "/rooms/%21a/state/t/a%2Fb?x=+" }, "target: "},
		{"trailing slash", func(r *Request) { r.URI = "/rooms/%21a/state/t/a%2Fb/?x=%20" }, "target: "},
		{"other user", func(r *Request) { r.Header.Set("Authorization", "Bearer secret-2") }, "header Authorization: "},
		{"no token", func(r *Request) { r.Header.Del("Authorization") }, "header Authorization: "},
		{"type", func(r *Request) { r.Header.Set("Content-Type", "text/plain") }, "header Content-Type: "},
		{"body", func(r *Request) { r.Body = []byte(`[]`) }, `body "": sent an object of 0 members`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := sent
			got.Header = sent.Header.Clone()
			test.change(&got)
			d := CompareRequests(sent, got)
			require.Len(t, d.Faults, 1)
			require.Contains(t, d.Faults[0], test.fault)
			require.NotContains(t, d.Faults[0], "secret")
		})
	}

	charset := sent
	charset.Header = http.Header{"Authorization": {"Bearer secret-1"}, "Content-Type": {"application/json"}}
	require.Empty(t, CompareRequests(sent, charset), "JSON has one charset")
	sent.Header.Set("X-Extra", "1")
	require.Empty(t, CompareRequests(sent, charset), "a header that nobody asked about")
	require.Len(t, CompareRequests(sent, charset, "X-Extra").Faults, 1)
}

func TestCompareStatusAndHeaders(t *testing.T) {
	require.Empty(t, CompareResponses(Response{}, Response{Status: 200}))
	require.Equal(t, []string{"status: sent 404, got 200"}, CompareResponses(Response{Status: 404}, Response{}).Faults)
	for _, name := range ResponseHeaders() {
		sent := Response{Header: http.Header{}}
		sent.Header.Set(name, "1")
		require.Len(t, CompareResponses(sent, Response{}).Faults, 1, name)
		require.Len(t, CompareResponses(Response{}, sent).Faults, 1, name)
	}
}
