package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSetMember(t *testing.T) {
	tests := []struct {
		name, text, path string
		create           bool
		want             string // "" when it stays as it is
	}{
		{"replaces, all else kept", `{ "z" : 1.0,"a":{"k": null , "j":2} }`, "a/k", false, `{ "z" : 1.0,"a":{"k": X , "j":2} }`},
		{"replaces an object", `{"a":{"b":[1,{"a":2}]},"c":3}`, "a", false, `{"a":X,"c":3}`},
		{"last of duplicates", `{"a":1,"a":2}`, "a", false, `{"a":1,"a":X}`},
		{"escaped name", `{"\u0061":1}`, "a", false, `{"\u0061":X}`},
		{"not the name inside a string", `{"x":"\"a\":1","a":2}`, "a", false, `{"x":"\"a\":1","a":X}`},
		{"adds to members", `{"b":1}`, "a", true, `{"b":1,"a":X}`},
		{"adds to empty", "{ }\n", "a", true, "{ \"a\":X}\n"},
		{"adds a path", `{"b":1 }`, "a/c/d", true, `{"b":1 ,"a":{"c":{"d":X}}}`},
		{"adds inside", `{"a":{},"b":2}`, "a/c", true, `{"a":{"c":X},"b":2}`},
		{"absent, not created", `{"b":1}`, "a", false, ""},
		{"absent inside, not created", `{"a":{}}`, "a/b", false, ""},
		{"path through null", `{"a":null}`, "a/b", true, ""},
		{"path through array", `{"a":[1]}`, "a/b", true, ""},
		{"no object", `[{"a":1}]`, "a", true, ""},
		{"no JSON", `{"a":1`, "a", true, ""},
		{"two texts", `{"a":1}{}`, "a", true, ""},
		{"empty", ``, "a", true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := setMember([]byte(tt.text), strings.Split(tt.path, "/"), []byte("X"), tt.create)
			assert.Equal(t, tt.want != "", ok)
			assert.Equal(t, tt.want, string(got))
		})
	}
}

func FuzzSetMember(f *testing.F) {
	f.Add([]byte(`{"versions":["v1.1"],"unstable_features":{"a":false}}`))
	f.Add([]byte(`{"unstable_features":null}`))
	f.Add([]byte(`{"unstable_features":{}, "unstable_features":{"org.matrix.msc3079.low_bandwidth":false}}`))
	f.Add([]byte("{\"\\ud800\":1,\"unstable_features\":{\"\xff\":2}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		out, ok := advertiseLowBandwidth(text)
		if !ok {
			return
		}
		require.True(t, json.Valid(out), "%q became %q", text, out)
		var features map[string]any
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(out, &members))
		require.NoError(t, json.Unmarshal(members["unstable_features"], &features))
		require.Equal(t, true, features[lowBandwidth])
	})
}
