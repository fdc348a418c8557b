package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/coapgw/coapgw/coap"
)

// A page from elsewhere, in the browser of someone for whom Connect runs, must not use the
// link, nor look as if it came from here. Access tokens keep it from accounts: nothing
// is done by cookies. These checks keep it from the rest.

// names are the hosts by which a Connect may be called.
type names map[string]bool

func newNames(advertise *url.URL, others []string) names {
	n := names{"localhost": true}
	if advertise != nil {
		n[hostOf(advertise.Host)] = true
	}
	for _, name := range others {
		n[hostOf(name)] = true
	}
	return n
}

// hostOf is the host of a Host header (RFC 9110 §7.2), without port, final dot and case.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// own reports whether a request that came over a socket calls this gateway by a name of
// its own. Another name is that of a page elsewhere which was made to lead here (DNS
// rebinding): the browser takes us for that page then. An address is no such name, for the
// page at that address is ours. Over TLS the browser has compared the name with the
// certificate. What has no Host comes from no browser, and what came over no socket is from
// within this program.
func (n names) own(r *http.Request) bool {
	if r.Context().Value(http.LocalAddrContextKey) == nil || r.TLS != nil || r.Host == "" {
		return true
	}
	host := hostOf(r.Host)
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return n[host] || strings.HasSuffix(host, ".localhost") // RFC 6761 §6.3
}

// errNotOwnName is 421, Misdirected Request (RFC 9110 §15.5.20).
func errNotOwnName() *coap.Error {
	return &coap.Error{
		Status: http.StatusMisdirectedRequest, ErrCode: "M_FORBIDDEN",
		Message: "this gateway is not known by the name that was asked for",
	}
}

// foreign reports whether a request was made by a page elsewhere in a way in which no
// Matrix client makes it: as an image, a script or a style sheet that is no media, or by a
// form that is sent here. Browsers say so (Fetch Metadata, W3C), and it needs no
// permission by CORS.
func foreign(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "cross-site" && site != "same-site" {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Mode") {
	case "no-cors":
		return r.Method != http.MethodGet && r.Method != http.MethodHead || !isMedia(r.URL.Path)
	case "navigate":
		return r.Method != http.MethodGet
	}
	return false
}

// errForeign answers what foreign has found, or an origin that is not listed.
func errForeign() *coap.Error {
	return &coap.Error{Status: http.StatusForbidden, ErrCode: "M_FORBIDDEN", Message: "this gateway does not serve pages from there"}
}
