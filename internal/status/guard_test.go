package status

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap"
)

func nothing() coap.Status { return coap.Status{} }

// ask is a request to the page as it arrives on a local address.
type ask struct {
	method, target, host, local string
	secure                      bool
	header                      map[string]string
	form                        url.Values
}

func (a ask) to(h http.Handler) *httptest.ResponseRecorder {
	method := a.method
	if method == "" {
		method = "GET"
	}
	r := httptest.NewRequest(method, a.target, strings.NewReader(a.form.Encode()))
	r.Host = a.host
	if a.host == "" {
		r.Host = "localhost:9000"
	}
	if a.local == "" {
		a.local = "127.0.0.1"
	}
	if a.form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if a.secure {
		r.TLS = &tls.ConnectionState{}
	}
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	addr := net.Addr(&net.TCPAddr{IP: net.ParseIP(a.local), Port: 9000})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr)))
	return w
}

func basic(password string) map[string]string {
	r := httptest.NewRequest("GET", "/", nil)
	r.SetBasicAuth("anyone", password)
	return map[string]string{"Authorization": r.Header.Get("Authorization")}
}

func TestGuard(t *testing.T) {
	open := New(Options{Role: Connect, Status: nothing, Hosts: []string{"Gw.Boat"}})
	token := "correct horse battery staple"
	locked := New(Options{Role: Connect, Status: nothing, Token: token, Hosts: []string{"gw.boat"}})
	bearer := map[string]string{"Authorization": "bearer " + token}
	for _, tt := range []struct {
		name string
		h    *Handler
		ask  ask
		want int
	}{
		{"on this machine", open, ask{host: "localhost:9000"}, 200},
		{"by address", open, ask{host: "127.0.0.1:9000"}, 200},
		{"by the other address", open, ask{host: "[::1]:9000", local: "::1"}, 200},
		{"by a name of ours", open, ask{host: "gw.boat"}, 200},
		{"by a dotted name", open, ask{host: "gw.boat.:9000"}, 200},
		{"rebound name", open, ask{host: "evil.example:9000"}, 421},
		{"rebound name that looks like ours", open, ask{host: "localhost.evil.example"}, 421},
		{"another address", open, ask{host: "198.51.100.1"}, 421},
		{"no host", open, ask{host: "-"}, 421},
		{"from elsewhere, without a token set", open, ask{local: "192.0.2.1", host: "192.0.2.1:9000", secure: true}, 403},
		{"from elsewhere, in the clear", locked, ask{local: "192.0.2.1", host: "192.0.2.1:9000", header: basic(token)}, 403},
		{"from elsewhere, no token", locked, ask{local: "192.0.2.1", host: "192.0.2.1:9000", secure: true}, 401},
		{"from elsewhere, wrong token", locked, ask{local: "192.0.2.1", host: "192.0.2.1", secure: true, header: basic("wrong")}, 401},
		{"from elsewhere", locked, ask{local: "192.0.2.1", host: "192.0.2.1", secure: true, header: basic(token)}, 200},
		{"from elsewhere, by name", locked, ask{local: "192.0.2.1", host: "GW.boat:443", secure: true, header: bearer}, 200},
		{"from elsewhere as localhost", locked, ask{local: "192.0.2.1", host: "localhost", secure: true, header: bearer}, 421},
		{"on this machine, no token", locked, ask{}, 401},
		{"on this machine, token", locked, ask{header: bearer}, 200},
		{"another scheme", locked, ask{header: map[string]string{"Authorization": "Digest " + token}}, 401},
		{"from another page", open, ask{method: "POST", target: "/actions/flush", header: map[string]string{"Sec-Fetch-Site": "cross-site"}}, 403},
		{"from another origin", open, ask{method: "POST", target: "/actions/flush", header: map[string]string{"Origin": "http://evil.example"}}, 403},
		{"a link from elsewhere", open, ask{header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}}, 200},
		{"as a picture elsewhere", open, ask{header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}}, 403},
		{"renewed by itself", open, ask{header: map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}}, 200},
		{"no such page", open, ask{target: "/elsewhere"}, 404},
		{"wrong method", open, ask{method: "DELETE"}, 405},
	} {
		if tt.ask.target == "" {
			tt.ask.target = "/"
		}
		w := tt.ask.to(tt.h)
		assert.Equal(t, tt.want, w.Code, "%s: %s", tt.name, w.Body)
		assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'", tt.name)
		if tt.want == 401 {
			assert.NotEmpty(t, w.Header().Get("WWW-Authenticate"))
		}
		if tt.want != 200 {
			assert.NotContains(t, w.Body.String(), "Today")
		}
	}
}

// TestGuardTires: after some wrong tokens none is looked at for a while.
func TestGuardTires(t *testing.T) {
	h := New(Options{Role: Connect, Status: nothing, Token: "right"})
	for range maxWrong {
		assert.Equal(t, 401, ask{target: "/", header: basic("wrong")}.to(h).Code)
	}
	w := ask{target: "/", header: basic("right")}.to(h)
	assert.Equal(t, 429, w.Code)
	assert.Equal(t, "60", w.Header().Get("Retry-After"))
}

// TestProbes: they are for everyone, and tell nothing else.
func TestProbes(t *testing.T) {
	var problem error
	h := New(Options{Role: Serve, Status: nothing, Token: "right", Ready: func(context.Context) error { return problem }})
	for _, target := range []string{"/healthz", "/readyz"} {
		assert.Equal(t, 200, ask{target: target, host: "10.1.2.3", local: "10.1.2.3"}.to(h).Code)
	}
	problem = assert.AnError
	w := ask{target: "/readyz", host: "10.1.2.3", local: "10.1.2.3"}.to(h)
	assert.Equal(t, 503, w.Code)
	assert.Equal(t, "not ready\n", w.Body.String())
	assert.Equal(t, 200, ask{target: "/healthz"}.to(h).Code)
}
