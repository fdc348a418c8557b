package status

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// guard decides who sees the page.
type guard struct {
	// token is the hash of the one that is asked for, nil for none.
	token  *atomic.Pointer[[sha256.Size]byte]
	hosts  []string
	origin *http.CrossOriginProtection

	mu *sync.Mutex
	// wrong are the latest wrong tokens.
	wrong *[maxWrong]time.Time
}

// maxWrong is how many wrong tokens a minute are looked at, whoever sends them: a token is
// long, and this keeps guessing out of the log and off the CPU.
const maxWrong = 20

func newGuard(token string, hosts []string) guard {
	g := guard{
		token: new(atomic.Pointer[[sha256.Size]byte]), hosts: hosts, origin: http.NewCrossOriginProtection(),
		mu: new(sync.Mutex), wrong: new([maxWrong]time.Time),
	}
	g.setToken(token)
	return g
}

// setToken has another token be asked for; an empty one has none.
func (g *guard) setToken(token string) {
	if token == "" {
		g.token.Store(nil)
		return
	}
	sum := sha256.Sum256([]byte(token))
	g.token.Store(&sum)
}

// admits answers a request that must not go on.
func (g *guard) admits(w http.ResponseWriter, r *http.Request) bool {
	local, loopback := endsOn(r)
	token := g.token.Load()
	switch {
	case !g.known(r.Host, local, loopback):
		// A page elsewhere whose name was made to lead here (DNS rebinding).
		answer(w, http.StatusMisdirectedRequest, "This name is not one of this page.")
		return false
	case !loopback && token == nil:
		answer(w, http.StatusForbidden, "Without a token this page is only there on the machine itself.")
		return false
	case !loopback && r.TLS == nil:
		answer(w, http.StatusForbidden, "From other machines this page is only there over HTTPS.")
		return false
	case token != nil && g.tired(time.Now()):
		w.Header().Set("Retry-After", "60")
		answer(w, http.StatusTooManyRequests, "Too many wrong tokens. Try again in a minute.")
		return false
	case token != nil && !g.bears(r, token):
		w.Header().Set("WWW-Authenticate", `Basic realm="coapgw", charset="UTF-8"`) // RFC 7617
		answer(w, http.StatusUnauthorized, "The token of this page is wanted: as the password, with any user name.")
		return false
	case g.origin.Check(r) != nil, embedded(r):
		answer(w, http.StatusForbidden, "Another page must not do that.")
		return false
	}
	return true
}

// embedded reports whether a page elsewhere asks for this one in its own name, rather than a
// person who follows a link (https://www.w3.org/TR/fetch-metadata/). It could not read the
// answer, but have it made again and again.
func embedded(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return r.Header.Get("Sec-Fetch-Mode") != "navigate"
	}
	return false
}

// endsOn returns the address that the connection of a request ends on, and whether only
// this machine can reach that. An unknown one is none of them.
func endsOn(r *http.Request) (ip net.IP, loopback bool) {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.IP, a.IP.IsLoopback()
	case *net.UnixAddr:
		return nil, true
	}
	return nil, false
}

// known reports whether Host names this page: an address literal cannot be made to lead
// elsewhere than it says, so that the one which was connected to is right.
func (g *guard) known(hostport string, local net.IP, loopback bool) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(strings.TrimSuffix(host, "."), "[]"))
	if ip := net.ParseIP(host); ip != nil {
		return local != nil && (ip.Equal(local) || loopback && ip.IsLoopback())
	}
	return loopback && host == "localhost" || slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// bears reports whether a request has the token. It takes as long whether that is right or
// not.
func (g *guard) bears(r *http.Request, token *[sha256.Size]byte) bool {
	_, given, ok := r.BasicAuth()
	if !ok {
		scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if given = ""; strings.EqualFold(scheme, "Bearer") {
			given, ok = value, true
		}
	}
	sum := sha256.Sum256([]byte(given))
	right := subtle.ConstantTimeCompare(sum[:], token[:]) == 1
	if ok && !right {
		g.mu.Lock()
		defer g.mu.Unlock()
		copy(g.wrong[:], g.wrong[1:])
		g.wrong[maxWrong-1] = time.Now()
	}
	return right
}

// tired reports whether there were too many wrong tokens of late.
func (g *guard) tired(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.wrong[0].IsZero() && now.Sub(g.wrong[0]) < time.Minute
}
