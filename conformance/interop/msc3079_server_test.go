package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
)

// arrival is a request as the reference server saw it.
type arrival struct {
	session string // the client's address
	path    string // segments, each behind a slash
	query   string
	token   string // that of option 256, not what is remembered
	sticky  string // the user by the proposal's rule
	version bool   // option 257 was there
	body    any
}

// referenceServer imitates MSC3079's reference proxy: it remembers the last token
// of a session, takes no notice of options that it does not know, critical or not,
// and answers 200 with 2.05 and CBOR.
type referenceServer struct {
	*gocoapServer
	t       *testing.T
	dialect dialect

	mu       sync.Mutex
	sticky   map[string]string
	arrivals []arrival
}

func startReferenceServer(t *testing.T) *referenceServer {
	s := &referenceServer{t: t, dialect: newDialect(t, true), sticky: make(map[string]string)}
	s.gocoapServer = startGocoapServer(t, true, blockwise.SZX1024, s.serve)
	return s
}

func (s *referenceServer) serve(w mux.ResponseWriter, r *mux.Message) {
	a := arrival{session: w.Conn().RemoteAddr().String(), version: r.HasOption(optionVersion)}
	for _, o := range r.Options() {
		switch o.ID {
		case message.URIPath:
			a.path += "/" + string(o.Value)
		case message.URIQuery:
			a.query += "&" + string(o.Value)
		case optionAccessToken:
			a.token = strings.TrimPrefix(string(o.Value), "Bearer ")
		}
	}
	if body, err := r.ReadBody(); err != nil {
		s.t.Error(err)
	} else if len(body) > 0 {
		a.body = s.dialect.decode(s.t, body)
	}
	s.mu.Lock()
	if a.token != "" {
		s.sticky[a.session] = a.token
	}
	a.sticky = s.sticky[a.session]
	s.arrivals = append(s.arrivals, a)
	s.mu.Unlock()

	code, text := codes.Content, fmt.Sprintf(`{"user_id":%q,"unsigned":{"age":1234}}`, a.sticky)
	if strings.HasSuffix(a.path, "/large") {
		text = largeAnswer()
	}
	if strings.HasSuffix(a.path, "/missing") {
		code, text = codes.NotFound, missingBody
	}
	if err := w.SetResponse(code, message.AppCBOR, bytes.NewReader(s.dialect.encode(s.t, text))); err != nil {
		s.t.Error(err)
	}
}

// take returns the requests since the last call.
func (s *referenceServer) take() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.arrivals
	s.arrivals = nil
	return got
}

// transportTo returns a Transport towards the server.
func transportTo(t *testing.T, s *referenceServer, foldV3 bool) *coap.Transport {
	tr := &coap.Transport{Dial: dialer(s.addr.String(), true, link.Default()).Dial, FoldV3: foldV3}
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

// Each token has a session of its own, requests without a token too: on a session
// of two users the reference would mix them up.
func TestTransportTowardsReferenceKeepsUsersApart(t *testing.T) {
	s := startReferenceServer(t)
	tr := transportTo(t, s, false)
	whoami := func(token string) {
		t.Helper()
		status, content := roundTrip(t, tr, "GET", "/_matrix/client/v3/account/whoami", token, "", "")
		assert.Equal(t, http.StatusOK, status)
		assert.JSONEq(t, fmt.Sprintf(`{"user_id":%q,"unsigned":{"age":1234}}`, token), content)
	}
	users := []string{"alice", "bob", "", "carol"}
	for range 3 {
		for _, user := range users {
			whoami(user)
		}
	}
	// And all at once.
	var all sync.WaitGroup
	for range 5 {
		for _, user := range users {
			all.Go(func() { whoami(user) })
		}
	}
	all.Wait()

	sessions, tokens, versions := map[string]string{}, map[string]int{}, map[string]int{}
	for _, a := range s.take() {
		if user, known := sessions[a.session]; known {
			assert.Equal(t, user, a.sticky, "a session has one user")
		}
		sessions[a.session] = a.sticky
		if a.token != "" {
			tokens[a.sticky]++
		}
		if a.version {
			versions[a.sticky]++
		}
	}
	assert.Len(t, sessions, len(users))
	assert.Equal(t, map[string]int{"alice": 1, "bob": 1, "carol": 1}, tokens, "option 256 is sent once")
	assert.Equal(t, map[string]int{"alice": 1, "bob": 1, "carol": 1, "": 1}, versions, "option 257 too")
}

func TestTransportTowardsReference(t *testing.T) {
	for _, tc := range []struct {
		name               string
		fold               bool
		method, path, body string
		want               string // path and query; empty: it does not get there
		status             int
	}{
		{"r0 as enum", false, "PUT", "/_matrix/client/r0/rooms/!r:h/send/m.room.message/1", `{"body":"x"}`, "/9/!r:h/m.room.message/1", 200},
		{"v3 in full", false, "GET", "/_matrix/client/v3/sync?timeout=0&since=a%2Bb", "", "/_matrix/client/v3/sync?timeout=0&since=a+b", 200},
		{"v3 folded", true, "GET", "/_matrix/client/v3/sync?timeout=0", "", "/7?timeout=0", 200},
		{"slash in a segment", false, "POST", "/_matrix/client/r0/join/%23a%2Fb:h", `{}`, "/L/#a/b:h", 200},
		{"integer keys and numbers", false, "POST", "/_matrix/client/r0/createRoom", `{"type":"m.x","content":{"n":9007199254740992,"f":1.5}}`, "/G", 200},
		{"large body", false, "POST", "/_matrix/client/r0/keys/upload", `{"a":"` + strings.Repeat("x", 20_000) + `"}`, "/g", 200},
		{"error", false, "GET", "/_matrix/client/r0/missing", "", "/_matrix/client/r0/missing", 404},
		{"query over 255 bytes", false, "GET", "/_matrix/client/r0/sync?filter=" + strings.Repeat("x", 300), "", "", 400},
		{"patch", false, "PATCH", "/_matrix/client/r0/x", `{}`, "/_matrix/client/r0/x", 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startReferenceServer(t)
			tr := transportTo(t, s, tc.fold)
			// The first request says everything in full: who answers is not known.
			roundTrip(t, tr, "GET", "/_matrix/client/versions", "secret", "", "")
			require.Equal(t, "secret", s.take()[0].token)
			contentType := ""
			if tc.body != "" {
				contentType = "application/json"
			}
			if tc.want == "" {
				r, err := http.NewRequestWithContext(patient(t), tc.method, "http://gateway"+tc.path, nil)
				require.NoError(t, err)
				r.Header.Set("Authorization", "Bearer secret")
				_, err = tr.RoundTrip(r)
				var refused *coap.Error
				require.ErrorAs(t, err, &refused)
				assert.Equal(t, tc.status, refused.Status)
				assert.Equal(t, "M_UNRECOGNIZED", refused.ErrCode)
				assert.Empty(t, s.take())
				return
			}
			status, content := roundTrip(t, tr, tc.method, tc.path, "secret", contentType, tc.body)
			assert.Equal(t, tc.status, status)
			if tc.status == 404 {
				assert.JSONEq(t, missingBody, content)
			}
			got := s.take()
			require.Len(t, got, 1)
			target := got[0].path
			if got[0].query != "" {
				target += "?" + got[0].query[1:]
			}
			assert.Equal(t, tc.want, target)
			assert.Equal(t, "secret", got[0].sticky)
			if tc.body != "" {
				body, err := json.Marshal(got[0].body)
				require.NoError(t, err)
				assert.JSONEq(t, tc.body, string(body))
			}
		})
	}
}

// A large answer arrives whole, as JSON.
func TestTransportTowardsReferenceDownloads(t *testing.T) {
	s := startReferenceServer(t)
	status, content := roundTrip(t, transportTo(t, s, false), "GET", "/_matrix/client/v3/large", "secret", "", "")
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, largeAnswer(), content)
}
