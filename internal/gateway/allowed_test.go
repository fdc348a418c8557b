package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestGuardPaths(t *testing.T) {
	tests := []struct {
		path   string
		passes bool
	}{
		{"/_matrix/client/versions", true},
		{"/_matrix/client", true},
		{"/_matrix/client/v3/sync?since=../../..&a=/_synapse/admin", true},
		{"/_matrix/media/v3/download/a/b", true},
		{"/.well-known/matrix/client", true},
		// Identifiers hold what they want.
		{"/_matrix/client/v3/rooms/%21a%3Ab/state/m.room.x/", true},
		{"/_matrix/client/v3/rooms/!a:b/state//", true},
		{"/_matrix/client/v3/rooms/%21a%3Ab/state/m.room.x/a%2Fb", true},
		{"/_matrix/client/v3/rooms/!a:b/state/t/%2E%2E", true},
		{"/_matrix/client/v3/rooms/!a:b/state/t/..%2Fx%252F%25", true},
		{"/_matrix/client/v3/directory/room/%23a%3Ab%3Bc%5C", true},
		{"/_matrix/client/v3/rooms/!a:b/state/t/^|\"<>{}`#\\", true},
		// Other trees.
		{"/", false},
		{"/_synapse/admin/v1/users", false},
		{"/_synapse/client/password_reset", false},
		{"/_matrix/federation/v1/send/1", false},
		{"/_matrix/key/v2/server", false},
		{"/_matrix/clientele", false},
		{"/_matrix/client%2Fv3/sync", false},
		{"/%5Fmatrix/client/versions", false},
		{"/_Matrix/client/versions", false},
		{"/x/_matrix/client/versions", false},
		{"//_matrix/client/versions", false},
		{"/_matrix//client/versions", false},
		// Ways out.
		{"/_matrix/client/../../_synapse/admin", false},
		{"/_matrix/client/..", false},
		{"/_matrix/client/./../x", false},
		{"/_matrix/client/v3/../../../_synapse/admin", false},
		{"/_matrix/client/v3/../../../_matrix/client/v3", false},
		{"/_matrix/client//../x", false},
		{"/_matrix/client/a//../../x", false},
		{"/_matrix/client/%2e%2e/%2E%2e/_synapse", false},
		{"/_matrix/client/%2e%2e%2f_synapse", false},
		{"/_matrix/client/..%2f..%2f_synapse", false},
		{"/_matrix/client/%252e%252e/x", false},
		{"/_matrix/client/%25252e%25252e%25252fx", false},
		{"/_matrix/client/%2525252525252e", false},
		{"/_matrix/client/..%5c..%5c_synapse", false},
		{"/_matrix/client/..;/..;/_synapse", false},
		{"/_matrix/client/..;a=b/x", false},
		{"/_matrix/client/;/../x", false},
		{"/_matrix/client/..%3bx/x", false},
		{`/_matrix/client/..\..\_synapse`, false},
		// For one reader "\" divides segments, and for the other it is part of one.
		{"/_matrix/client/a%5cb%5cc%5cd/%2e%2e/%2e%2e/%2e%2e/_synapse/admin", false},
		{`/_matrix/client/a\b\c\d/%2e%2e/%2e%2e/%2e%2e/_synapse/admin`, false},
		{"/_matrix/client/a%2fb/../../x", false},
		// One resolves what the next one decodes further.
		{"/_matrix/client/a%252fb/%2e%2e/%252e%252e/x", false},
		{"/_matrix/client/%252e/a/%2e%2e/%252e%252e/x", false},
		{"/_matrix/client/..#/x", false},
		{"/_matrix/client/v3/..%3Fx/../..", false},
		{"/_matrix/client/v3/..%23x/../..", false},
		{"/_matrix/client/x%00", false},
		{"/_matrix/client/%c0%ae%c0%ae%c0%afx", false},
	}
	for _, tt := range tests {
		reached := false
		g := NewGuard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }), GuardOptions{})
		res := do(g, request(t, http.MethodGet, tt.path, nil))
		assert.Equal(t, tt.passes, reached, tt.path)
		if !tt.passes {
			assert.Equal(t, http.StatusNotFound, res.StatusCode, tt.path)
			assert.Contains(t, readAll(t, res), "M_UNRECOGNIZED", tt.path)
		}
	}
}

func TestGuardOtherPaths(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, tt := range []struct {
		paths  []string
		path   string
		status int
	}{
		{[]string{"/"}, "/a/../../b", http.StatusTeapot},
		{[]string{"/_synapse/client/"}, "/_synapse/client/x", http.StatusTeapot},
		{[]string{"/_synapse/client/"}, "/_matrix/client/versions", http.StatusNotFound},
		{[]string{}, "/_matrix/client/versions", http.StatusNotFound},
	} {
		assert.Equal(t, tt.status, do(NewGuard(h, GuardOptions{Paths: tt.paths}), request(t, http.MethodGet, tt.path, nil)).StatusCode, "%v", tt)
	}
}

// TestGuardPathsHoldForServers: what passes, servers take for the client API too, and those
// behind them, however often each decodes it, whether "\" divides segments for it, and whether
// it resolves dot segments before it hands the path on.
func TestGuardPathsHoldForServers(t *testing.T) {
	trees := newPathTrees(DefaultPaths()[:1])
	piece := rapid.SampledFrom([]string{"/", "//", ".", "..", "%2e", "%2E%2e", "%2f", "%5c", "%25", "2e", ";", "a", "_matrix", "client", "%00", "\\"})
	rapid.Check(t, func(t *rapid.T) {
		raw := "/_matrix/client/" + strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "path"), "")
		u, err := url.ParseRequestURI(raw)
		if err != nil || !trees.pass(u) {
			return
		}
		seen := map[string]bool{}
		for read := []string{u.EscapedPath()}; len(read) > 0; {
			p := read[0]
			read = read[1:]
			if seen[p] {
				continue
			}
			seen[p] = true
			cleaned := path.Clean(p)
			if !strings.HasPrefix(cleaned+"/", "/_matrix/client/") {
				t.Fatalf("%s is %s to a server", raw, cleaned)
			}
			read = append(read, cleaned, decodeLoosely(p), strings.ReplaceAll(p, `\`, "/"))
		}
	})
}

// TestGuardReachesNoOtherHost sends through both what could make a proxy call elsewhere, and
// has the homeserver send the peer elsewhere: whose word that is, the peer may judge.
func TestGuardReachesNoOtherHost(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached another host") }))
	defer other.Close()
	host := strings.TrimPrefix(other.URL, "http://")
	asked := 0
	s := NewGuard(newServe(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		assert.NotEqual(t, host, r.Host)
		http.Redirect(w, r, other.URL+"/x", http.StatusTemporaryRedirect)
	}), GuardOptions{})
	const inside = "/_matrix/client/v3/x"
	for target, passes := range map[string]bool{
		inside:                       true,
		other.URL + inside:           true, // the absolute form: its host is dropped
		"//" + host + inside:         false,
		"/@" + host + inside:         false,
		inside + "/@" + host:         true,
		inside + "//" + host:         true,
		"/_matrix/client@" + host:    false,
		inside + "?url=" + other.URL: true,
		"/http://" + host + inside:   false,
		"/_matrix/client/" + "http:": true,
	} {
		before := asked
		r := request(t, http.MethodPost, target, strings.NewReader("{}"))
		r.Host = host
		r.Header.Set("Host", host)
		r.Header.Set("X-Forwarded-Host", host)
		res := do(s, r)
		assert.Equal(t, passes, asked > before, target)
		if passes {
			require.Equal(t, http.StatusTemporaryRedirect, res.StatusCode, "a redirection is not followed")
			assert.Equal(t, other.URL+"/x", res.Header.Get("Location"))
		}
	}
	opaque := request(t, http.MethodGet, inside, nil)
	opaque.URL = &url.URL{Scheme: "http", Opaque: "//" + host + inside}
	assert.Equal(t, http.StatusNotFound, do(s, opaque).StatusCode)
}
