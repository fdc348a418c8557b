package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDiscovery(t *testing.T) {
	const (
		versions  = "GET /_matrix/client/versions"
		wellKnown = "GET /.well-known/matrix/client"
		login     = "POST /_matrix/client/v3/login"
		asIs      = "" // want: the text unchanged
	)
	long := `{"versions":["` + strings.Repeat("v", maxDiscovery) + `"]}`
	tests := []struct {
		name, request string
		status        int
		contentType   string
		text, want    string
	}{
		{
			"versions", versions, 200, "application/json",
			`{ "versions":["r0.6.1"],"unstable_features":{"b":true,"a":false} }`,
			`{ "versions":["r0.6.1"],"unstable_features":{"b":true,"a":false,"org.matrix.msc3079.low_bandwidth":true} }`,
		},
		{
			"versions, flag off", versions, 200, "application/json; charset=utf-8",
			`{"unstable_features":{"org.matrix.msc3079.low_bandwidth":false,"a":1e400}}`,
			`{"unstable_features":{"org.matrix.msc3079.low_bandwidth":true,"a":1e400}}`,
		},
		{
			"versions without features", versions, 200, "application/json",
			`{"versions":[]}`, `{"versions":[],"unstable_features":{"org.matrix.msc3079.low_bandwidth":true}}`,
		},
		{"versions, query", versions + "?x=", 200, "application/json", `{}`, `{"unstable_features":{"org.matrix.msc3079.low_bandwidth":true}}`},
		{"versions, features null", versions, 200, "application/json", `{"unstable_features":null}`, asIs},
		{"versions, error", versions, 500, "application/json", `{"errcode":"M_UNKNOWN"}`, asIs},
		{"versions, HTML", versions, 200, "text/html", `{}`, asIs},
		{"versions, broken", versions, 200, "application/json", `{"versions":[`, asIs},
		{"versions, empty", versions, 200, "application/json", ``, asIs},
		{"versions, too long", versions, 200, "application/json", long, asIs},
		{"other path", "GET /_matrix/client/versions/", 200, "application/json", `{}`, asIs},
		{"other method", "POST /_matrix/client/versions", 200, "application/json", `{}`, asIs},
		{
			"well-known", wellKnown, 200, "application/json",
			`{"m.homeserver":{"base_url":"https://hs.example"},"m.identity_server":{"base_url":"https://is.example"}}`,
			`{"m.homeserver":{"base_url":"https://gw.example:8448"},"m.identity_server":{"base_url":"https://is.example"}}`,
		},
		{"well-known without homeserver", wellKnown, 200, "application/json", `{"x":1}`, asIs},
		{"well-known absent", wellKnown, 404, "application/json", `{"m.homeserver":{"base_url":"x"}}`, asIs},
		{
			"login", login, 200, "application/json",
			`{"user_id":"@a:b","well_known":{"m.homeserver":{"base_url":"https://hs"}},"home_server":"b"}`,
			`{"user_id":"@a:b","well_known":{"m.homeserver":{"base_url":"https://gw.example:8448"}},"home_server":"b"}`,
		},
		{
			"register", "POST /_matrix/client/r0/register?kind=user", 200, "application/json",
			`{"well_known":{"m.homeserver":{"base_url":"https://hs"}}}`,
			`{"well_known":{"m.homeserver":{"base_url":"https://gw.example:8448"}}}`,
		},
		{"login without well_known", login, 200, "application/json", `{"user_id":"@a:b"}`, asIs},
		{"login flows", "GET /_matrix/client/v3/login", 200, "application/json", `{"well_known":{"m.homeserver":{"base_url":"x"}}}`, asIs},
		{"a message that looks like it", "GET /_matrix/client/v3/sync", 200, "application/json", `{"well_known":{"m.homeserver":{"base_url":"x"}}}`, asIs},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServe(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.text)
			})
			method, target, _ := strings.Cut(tt.request, " ")
			res := do(s, request(t, method, target, nil))
			want := tt.want
			if want == asIs {
				want = tt.text
			}
			assert.Equal(t, tt.status, res.StatusCode)
			assert.Equal(t, want, readAll(t, res))
			if tt.want != asIs {
				assert.EqualValues(t, len(want), res.ContentLength)
			}
		})
	}
}

func TestDiscoveryWithoutAdvertise(t *testing.T) {
	const text = `{"m.homeserver":{"base_url":"https://hs"},"well_known":{"m.homeserver":{"base_url":"https://hs"}}}`
	s := newServe(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, text)
	}, func(o *ServeOptions) { o.Advertise = nil })
	assert.Equal(t, text, readAll(t, do(s, request(t, "GET", "/.well-known/matrix/client", nil))))
	assert.Equal(t, text, readAll(t, do(s, request(t, "POST", "/_matrix/client/v3/login", nil))))
}

// TestDiscoveryBrokenOff checks that an answer that breaks off while it is read
// to be edited is not completed.
func TestDiscoveryBrokenOff(t *testing.T) {
	s := newServe(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"versions":`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		do(s, request(t, "GET", "/_matrix/client/versions", nil))
	})
}
