package gateway

import (
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/coapgw/coapgw/coap"
)

// forwardingHeaders, and all that begin with X-Forwarded-, tell a server whom a
// proxy acts for. A homeserver trusts them from us, so none may come from a peer.
var forwardingHeaders = [...]string{
	"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Forwarded-For",
	"True-Client-Ip", "Cf-Connecting-Ip", "Fastly-Client-Ip", "X-Original-Host", "X-Original-Url", "X-Rewrite-Url",
}

// stripForwarding removes what a peer says about whom it acts for.
func stripForwarding(h http.Header) {
	for _, name := range forwardingHeaders {
		h.Del(name)
	}
	for name := range h {
		if strings.HasPrefix(strings.ToLower(name), "x-forwarded-") {
			delete(h, name)
		}
	}
}

// identityPrefix is fd13:7e45:ebaa::/48, the block of unique local addresses
// (RFC 4193 §3.2.1) whose global ID is the start of SHA-256("coapgw").
var identityPrefix = [6]byte{0xfd, 0x13, 0x7e, 0x45, 0xeb, 0xaa}

// identityAddr returns the address by which a homeserver knows a peer: the same
// for an identity wherever it comes from, another for each identity. The 80 bits
// after the prefix are the start of SHA-256(identity).
func identityAddr(identity string) netip.Addr {
	var a [16]byte
	sum := sha256.Sum256([]byte(identity))
	copy(a[:], identityPrefix[:])
	copy(a[len(identityPrefix):], sum[:])
	return netip.AddrFrom16(a)
}

// forwardedFor returns the address to name to the homeserver, "" if there is none:
// that of the identity or, for a peer without one, its network address.
func forwardedFor(identity string, addr net.Addr) string {
	if identity != "" {
		return identityAddr(identity).String()
	}
	if addr == nil {
		return ""
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return ""
	}
	return ap.Addr().Unmap().WithZone("").String()
}

// retarget points out at base and keeps path and query of in byte for byte:
// escapes (RawPath, see coap.WrittenPath), an empty query (ForceQuery) and parameters
// that httputil.ReverseProxy finds unparsable included.
func retarget(out, in, base *url.URL) {
	prefix, rawPrefix := strings.TrimSuffix(base.Path, "/"), strings.TrimSuffix(base.EscapedPath(), "/")
	out.Scheme, out.Host = base.Scheme, base.Host
	out.Path, out.RawPath = prefix+in.Path, rawPrefix+coap.WrittenPath(in)
	out.RawQuery, out.ForceQuery = in.RawQuery, in.ForceQuery
}

// writeOut has the path of a URL sent as it was written: what sends requests escapes what RFC
// 3986 has no place for, but for an Opaque. One that begins with "//" would be taken for an
// authority.
func writeOut(u *url.URL) {
	u.Opaque = ""
	if path := coap.WrittenPath(u); path != u.EscapedPath() && !strings.HasPrefix(path, "//") {
		u.Opaque = path
	}
}

// verbatim sends requests with their paths written out. It is the last in front of HTTP: what
// comes before changes paths.
type verbatim struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (v verbatim) RoundTrip(r *http.Request) (*http.Response, error) {
	u := *r.URL
	if writeOut(&u); u.Opaque == "" {
		return v.base.RoundTrip(r)
	}
	changed := *r
	changed.URL = &u
	resp, err := v.base.RoundTrip(&changed)
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}
