package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRebinding does what a page at evil.example does that had its name resolve to this
// machine: to the browser all requests are of one origin, so CORS says nothing.
func TestRebinding(t *testing.T) {
	crossed := 0
	base := newConnect(t, func(r *http.Request) (*http.Response, error) {
		crossed++
		return answer(r, http.StatusOK, "application/json", `{"versions":[]}`), nil
	}, func(o *ConnectOptions) {
		o.Names = []string{"gw.lan"}
		o.Advertise = &url.URL{Scheme: "http", Host: "Boat.example:8008"}
	})
	for host, served := range map[string]bool{
		"evil.example":            false,
		"evil.example:8008":       false,
		"evil.example.":           false,
		"localhost.evil.example":  false,
		"127.0.0.1.evil.example":  false,
		"evil-localhost":          false,
		"127.0.0.1:8008":          true,
		"127.0.0.1":               true,
		"[::1]:8008":              true,
		"192.168.1.5:8008":        true,
		"localhost:8008":          true,
		"LOCALHOST.":              true,
		"element.localhost:8008":  true,
		"gw.lan:1":                true,
		"boat.example":            true,
		"boat.example.evil.test":  false,
		"0x7f000001.evil.example": false,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			before := crossed
			r, err := http.NewRequestWithContext(t.Context(), method, base+"/_matrix/client/versions", nil)
			require.NoError(t, err)
			r.Host = host
			r.Header.Set("Origin", "http://"+host)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("Sec-Fetch-Mode", "cors")
			res := fetch(t, r)
			if served {
				assert.Less(t, res.StatusCode, 300, host)
				continue
			}
			if res.StatusCode != http.StatusBadRequest { // net/http takes it for no host at all
				assert.Equal(t, http.StatusMisdirectedRequest, res.StatusCode, host)
			}
			assert.Equal(t, before, crossed, host)
			assert.Empty(t, res.Header.Get("Access-Control-Allow-Origin"), host)
		}
	}
}

// TestPagesElsewhere does what pages of other origins may try without a token.
func TestPagesElsewhere(t *testing.T) {
	const api, picture = "/_matrix/client/v3/login", "/_matrix/media/v3/download/a/b"
	type browser struct{ origin, site, mode string }
	tests := []struct {
		name         string
		method, path string
		from         browser
		origins      []string
		status       int
	}{
		{"Element", "POST", api, browser{"https://app.element.io", "cross-site", "cors"}, nil, 200},
		{"Element, listed", "POST", api, browser{"https://app.element.io", "cross-site", "cors"}, []string{"https://app.element.io"}, 200},
		{"Cinny shows a picture", "GET", picture, browser{"", "cross-site", "no-cors"}, nil, 200},
		{"a login page is opened", "GET", "/_matrix/client/v3/login/sso/redirect", browser{"", "cross-site", "navigate"}, nil, 200},
		{"a program", "POST", api, browser{}, []string{"https://app.element.io"}, 200},
		{"another page, not listed", "POST", api, browser{"https://evil.example", "cross-site", "cors"}, []string{"https://app.element.io"}, 403},
		{"its preflight", "OPTIONS", api, browser{"https://evil.example", "cross-site", "cors"}, []string{"https://app.element.io"}, 403},
		{"a page without an origin", "POST", api, browser{"null", "cross-site", "cors"}, []string{"https://app.element.io"}, 403},
		{"almost the page", "POST", api, browser{"https://app.element.io.evil.example", "cross-site", "cors"}, []string{"https://app.element.io"}, 403},
		{"a form", "POST", api, browser{"https://evil.example", "cross-site", "navigate"}, nil, 403},
		{"fetch without CORS", "POST", api, browser{"https://evil.example", "cross-site", "no-cors"}, nil, 403},
		{"an image that is none", "GET", "/_matrix/client/v3/sync", browser{"", "cross-site", "no-cors"}, nil, 403},
		{"from a sister site", "GET", "/_matrix/client/v3/sync", browser{"", "same-site", "no-cors"}, nil, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := newConnect(t, func(r *http.Request) (*http.Response, error) {
				if tt.status != http.StatusOK {
					t.Error("it went over the link")
					return nil, errors.New("no")
				}
				res := answer(r, http.StatusOK, "", "")
				res.Header.Set("Access-Control-Allow-Credentials", "true")
				res.Header.Set("Access-Control-Allow-Origin", tt.from.origin)
				return res, nil
			}, func(o *ConnectOptions) { o.Origins = tt.origins })
			r, err := http.NewRequestWithContext(t.Context(), tt.method, base+tt.path, strings.NewReader(""))
			require.NoError(t, err)
			for name, value := range map[string]string{"Origin": tt.from.origin, "Sec-Fetch-Site": tt.from.site, "Sec-Fetch-Mode": tt.from.mode} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			res := fetch(t, r)
			assert.Equal(t, tt.status, res.StatusCode)
			assert.Empty(t, res.Header.Get("Access-Control-Allow-Credentials"), "no cookie is worth anything")
			switch {
			case tt.status != http.StatusOK:
				assert.Empty(t, res.Header.Get("Access-Control-Allow-Origin"))
			case tt.origins == nil:
				assert.Equal(t, []string{"*"}, res.Header.Values("Access-Control-Allow-Origin"))
			default:
				assert.Equal(t, tt.origins, res.Header.Values("Access-Control-Allow-Origin"))
				assert.Equal(t, "Origin", res.Header.Get("Vary"))
			}
		})
	}
}
