package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
)

func TestForwardedFor(t *testing.T) {
	udp := func(s string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	tests := []struct {
		name, identity string
		addr           net.Addr
		want           string
	}{
		// The golden value keeps an identity's address from changing with a release.
		{"identity", "boat", udp("192.0.2.1:5"), "fd13:7e45:ebaa:25cd:b46d:8d21:15a2:4eb1"},
		{"identity elsewhere", "boat", udp("[2001:db8::1]:5"), "fd13:7e45:ebaa:25cd:b46d:8d21:15a2:4eb1"},
		{"IPv4", "", udp("192.0.2.1:5"), "192.0.2.1"},
		{"IPv4 in IPv6", "", udp("[::ffff:192.0.2.1]:5"), "192.0.2.1"},
		{"IPv6 with zone", "", udp("[fe80::1%eth0]:5"), "fe80::1"},
		{"no IP", "", &net.UnixAddr{Name: "x"}, ""},
		{"no address", "", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, forwardedFor(tt.identity, tt.addr))
		})
	}
	assert.NotEqual(t, identityAddr("boat"), identityAddr("boat2"))
	assert.True(t, identityAddr("boat").IsPrivate())
}

func TestStripForwarding(t *testing.T) {
	h := http.Header{}
	for _, name := range forwardingHeaders {
		assert.Equal(t, http.CanonicalHeaderKey(name), name, "Del finds only canonical names")
		h.Set(name, "x")
	}
	h["x-forwarded-for"] = []string{"x"} // as a peer may have spelled it
	h.Set("X-Forwarded-Anything", "x")
	h.Set("Authorization", "Bearer t")
	stripForwarding(h)
	assert.Equal(t, http.Header{"Authorization": {"Bearer t"}}, h)
}

// trapTargets are request targets that a careless proxy changes.
var trapTargets = []string{
	"/_matrix/client/v3/rooms/%21a%3Ab/state/m.room.x/",
	"/_matrix/client/v3/rooms/%21a%3Ab/state/m.room.x/a%2Fb",
	"/_matrix/client/v3/rooms/!a:b/state/m.room.x/%252F%25",
	"/_matrix/client/v3/rooms/!a:b/state//",
	"//_matrix//client",
	"/a/../b/./c",
	"/a/%2E%2e/b",
	"/a/b%23c%3Fd+e%20f",
	"/%C3%A9/%ff",
	"/a;b=c,d@e!$&'()*",
	"/a^b|c/%5E/\"<>\\{}`#/\xc3\xbc/\xff",
	"/a?",
	"/a?x=1&x=2&y",
	"/a?q=a;b%2",
	"/a?from=%2B+&to=a/b?c",
	"/",
}

// written is the request target of u, with the path as it was written.
func written(u *url.URL) string {
	t := coap.WrittenPath(u)
	if u.RawQuery != "" || u.ForceQuery {
		t += "?" + u.RawQuery
	}
	return t
}

func TestRetarget(t *testing.T) {
	bases := map[string]string{"http://hs:1": "", "https://hs/": "", "http://hs/base": "/base", "http://hs/b%2Fc/": "/b%2Fc"}
	for raw, prefix := range bases {
		base, err := url.Parse(raw)
		require.NoError(t, err)
		for _, target := range trapTargets {
			in, err := url.ParseRequestURI(target)
			require.NoError(t, err)
			var out url.URL
			retarget(&out, in, base)
			assert.Equal(t, prefix+target, written(&out))
			assert.Equal(t, base.Host, out.Host)
			assert.Equal(t, base.Scheme, out.Scheme)
		}
	}
}
