package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/integrity"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// clearWorld is a homeserver with two users, one of them behind an emulated radio link
// as the station OE1XYZ-7.
type clearWorld struct {
	t       *testing.T
	hs      *fakehs.Server
	link    *linkemu.Link
	profile link.Profile
	station keys.Station

	serverStore, clientStore *session.Memory
	version2                 *coap.Version2 // nil for version 1 alone
	stopServer               func()
	transport                *coap.Transport
	web                      http.Handler

	mu  sync.Mutex
	air []linkemu.Packet
}

const clearPassword = "correct horse battery staple"

// inClearWorld runs f over the link of that name.
func inClearWorld(t *testing.T, name string, f func(t *testing.T, w *clearWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		profile, ok := link.ByName(name)
		require.True(t, ok)
		w := &clearWorld{
			t: t, hs: fakehs.New(fakehs.Config{Seed: 7}), profile: profile,
			link:        linkemu.New(linkemu.FromProfile(profile, 1)),
			serverStore: &session.Memory{}, clientStore: &session.Memory{},
		}
		defer w.link.Close()
		w.link.Tap(func(p linkemu.Packet) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.air = append(w.air, p)
		})
		var err error
		w.station, err = keys.NewStation("OE1XYZ-7", keys.Key(w.register("radio")))
		require.NoError(t, err)
		w.startServer()
		w.startClient()
		defer func() {
			require.NoError(t, w.transport.Close())
			w.stopServer()
		}()
		f(t, w)
	})
}

// register makes a user of the homeserver and returns his access token.
func (w *clearWorld) register(name string) string {
	w.t.Helper()
	res := w.direct("", http.MethodPost, "/register", map[string]any{
		"username": name, "password": clearPassword, "auth": map[string]any{"type": "m.login.dummy"},
	})
	require.NotEmpty(w.t, res.body["access_token"])
	return res.body["access_token"].(string)
}

func (w *clearWorld) startServer() {
	w.t.Helper()
	hs, err := url.Parse("http://hs.example")
	require.NoError(w.t, err)
	serve := NewClearServe(ServeOptions{Homeserver: hs, Transport: inprocess.Transport{Handler: w.hs}}, []keys.Station{w.station})
	w.run(&Station{
		Handler: serve, Profile: link.Default(), Version2: w.version2,
		Stations: &integrity.Config{
			Stations: []integrity.Station{{Call: w.station.Call, Key: w.station.Key}}, Store: w.serverStore,
		},
	})
}

// run serves s until stopServer is called.
func (w *clearWorld) run(s *Station) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	pc := w.link.Listen()
	go func() { ended <- s.Run(ctx, pc) }()
	w.stopServer = func() {
		stop()
		require.NoError(w.t, <-ended)
	}
}

func (w *clearWorld) startClient() {
	d := &Dialer{
		Routes: emulatedRoute(w.link, "192.0.2.9:1000"), Profile: w.profile,
		Station: &integrity.Config{
			Station: integrity.Station{Call: w.station.Call, Key: w.station.Key}, Store: w.clientStore, SessionName: "x",
		},
	}
	w.transport = &coap.Transport{Dial: d.Dial, Profile: w.profile, NoTokens: true, Version2: w.version2}
	w.web = NewClearConnect(ConnectOptions{Transport: w.transport}, w.station.Key)
}

type clearReply struct {
	status int
	body   map[string]any
}

func (w *clearWorld) ask(h http.Handler, token, method, path string, body any) clearReply {
	w.t.Helper()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		require.NoError(w.t, err)
		content = bytes.NewReader(b)
	}
	if !strings.HasPrefix(path, "/_matrix") {
		path = "/_matrix/client/v3" + path
	}
	r := httptest.NewRequestWithContext(context.Background(), method, path, content)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	reply := clearReply{status: rec.Code}
	require.NoError(w.t, json.Unmarshal(rec.Body.Bytes(), &reply.body), "%s %s: %s", method, path, rec.Body)
	return reply
}

// direct asks the homeserver past the link.
func (w *clearWorld) direct(token, method, path string, body any) clearReply {
	return w.ask(w.hs, token, method, path, body)
}

func (w *clearWorld) takeAir() []linkemu.Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	air := w.air
	w.air = nil
	return air
}

// login logs a client in at the station's side and returns its token.
func (w *clearWorld) login() string {
	w.t.Helper()
	flows := w.ask(w.web, "", http.MethodGet, "/login", nil)
	require.Equal(w.t, http.StatusOK, flows.status)
	in := w.ask(w.web, "", http.MethodPost, "/login", map[string]any{
		"type": "m.login.password", "identifier": map[string]any{"type": "m.id.user", "user": "radio"},
		"password": keys.LocalPassword(w.station.Key),
	})
	require.Equal(w.t, http.StatusOK, in.status, in.body)
	require.Equal(w.t, "@radio:localhost", in.body["user_id"])
	require.NotEmpty(w.t, in.body["device_id"])
	return in.body["access_token"].(string)
}

// takeSecrets scans all that was on the air.
func (w *clearWorld) takeSecrets(tokens ...string) { w.scan(w.takeAir(), tokens...) }

// scan asserts that nothing secret is in what was sent, and no access token option.
func (w *clearWorld) scan(air []linkemu.Packet, tokens ...string) {
	w.t.Helper()
	assert.Empty(w.t, leaks(air, append(tokens, string(w.station.Token), string(w.station.Key), w.station.Key.Hex(),
		clearPassword, keys.LocalPassword(w.station.Key), keys.LocalToken(w.station.Key), ciphertext)))
	for _, p := range air {
		const header, tag = 5, 8 // docs/integrity.md
		if b := p.Payload; b[0] > 0 && b[0] < 0xf0 && len(b) > header+tag {
			m, err := endpoint.ParseMessage(b[header : len(b)-tag])
			require.NoError(w.t, err)
			assert.False(w.t, m.Options.Has(coap.OptionAccessToken))
		}
	}
}

// leaks returns the pieces of secrets that are on the air. A piece of 12 bytes is whole
// in one datagram or another, wherever a transfer was cut.
func leaks(air []linkemu.Packet, secrets []string) (found []string) {
	const piece = 12
	for _, p := range air {
		for _, s := range secrets {
			for at := 0; at+piece <= len(s); at++ {
				if bytes.Contains(p.Payload, []byte(s[at:at+piece])) {
					found = append(found, s[at:at+piece])
				}
			}
		}
	}
	return found
}
