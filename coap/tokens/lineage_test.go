package tokens

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
)

// world is a Lineage in front of a homeserver that answers what it is told to.
type world struct {
	t *testing.T
	*Lineage
	status int
	answer string
	sent   string // body of the last request
}

func newWorld(t *testing.T, store session.Store) *world {
	w := &world{t: t, status: 200}
	w.Lineage = &Lineage{Store: store, Carry: func(r *http.Request) (*http.Response, error) {
		w.sent = ""
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			w.sent = string(b)
		}
		return &http.Response{StatusCode: w.status, Body: io.NopCloser(strings.NewReader(w.answer)), Request: r}, nil
	}}
	return w
}

// ask makes a request that is answered so; neither may be changed on the way.
func (w *world) ask(token, target, body, answer string) {
	w.t.Helper()
	w.answer = answer
	method, path, _ := strings.Cut(target, " ")
	resp, err := w.RoundTrip(request(w.t, token, method, path, body))
	require.NoError(w.t, err)
	got, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	require.Equal(w.t, answer, string(got))
	require.Equal(w.t, body, w.sent)
}

func request(t *testing.T, token, method, path, body string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), method, "https://gw/_matrix/client/"+path, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (w *world) user(token string) txn.Digest {
	return w.User(request(w.t, token, "GET", "v3/sync", ""))
}

func (w *world) login(access, refresh, user, device string) {
	w.ask("", "POST v3/login", `{"type":"x"}`, fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"user_id":%q,"device_id":%q}`, access, refresh, user, device))
}

func (w *world) refresh(sent, access, refresh string) {
	w.ask("", "POST v3/refresh", fmt.Sprintf(`{"refresh_token":%q}`, sent), fmt.Sprintf(`{"access_token":%q,"refresh_token":%q}`, access, refresh))
}

// TestRefresh: tokens follow one another as the homeserver says, over restarts too, and count
// until the next one is used.
func TestRefresh(t *testing.T) {
	store := &session.Memory{}
	w := newWorld(t, store)
	first := w.user("a1")
	w.login("a1", "r1", "@a:hs", "A")
	w.login("b1", "r-b", "@b:hs", "B")
	same := func(token string) { t.Helper(); assert.Equal(t, first, w.user(token), token) }
	other := func(token string) { t.Helper(); assert.NotEqual(t, first, w.user(token), token) }
	same("a1") // as before
	w.refresh("r1", "a2", "r2")
	w.refresh("r1", "a2'", "r2'") // the answer was lost, so the client asks again
	same("a1")                    // it has not the answer yet
	same("a2'")
	other("a1")
	other("a2")
	w = newWorld(t, store) // which has not stored that
	w.refresh("r2'", "a3", "")
	same("a3")
	other("a1")
	other("a2'")
	w.ask("", "POST unstable/org.matrix.msc2918/refresh", `{"refresh_token":"r2'"}`, `{"access_token":"a4"}`)
	same("a4")
	for i := range 20 {
		w = newWorld(t, store)
		same("a4")
		w.refresh("r2'", fmt.Sprint("more", i), "")
	}
	same("a4")
	same("more19")
	other("a4")
	other("more18")
	other("a1")
	assert.NotEqual(t, w.user("a1"), w.user("more18"))
	assert.Equal(t, txn.Token("b1"), w.user("b1"))
}

// TestNothingElseCounts: neither what a client says nor what a homeserver refuses makes two
// tokens one device's.
func TestNothingElseCounts(t *testing.T) {
	w := newWorld(t, nil)
	w.login("a1", "r1", "@a:hs", "A")
	victim := w.user("a1")
	stranger := func(token string) {
		t.Helper()
		assert.Equal(t, txn.Token(token), w.user(token), token)
		assert.Equal(t, victim, w.user("a1"))
	}
	w.status = 403
	w.refresh("r1", "x1", "x")
	stranger("x1")
	w.status = 200
	w.refresh("guessed", "x2", "x")
	stranger("x2")
	w.ask("a1", "POST v3/refresh", `{}`, `{"access_token":"x3"}`)
	stranger("x3")
	w.ask("a1", "POST v3/refresh", `{"refresh_token":7}`, `{"access_token":"x4"}`)
	stranger("x4")
	w.ask("a1", "PUT v3/refresh", `{"refresh_token":"r1"}`, `{"access_token":"x5"}`)
	stranger("x5")
	w.ask("a1", "POST v3/rooms/refresh", `{"refresh_token":"r1"}`, `{"access_token":"x6"}`)
	stranger("x6")
	w.login("x7", "", "@a:hs", "other")
	stranger("x7")
	w.login("x8", "", "@b:hs", "A")
	stranger("x8")
	w.login("x9", "", "@a:hs", "")
	stranger("x9")
	w.ask("", "POST v3/login", "", `{"access_token":"x10","user_id":"@a:hs","device_id":"A"`+strings.Repeat(" ", maxAnswer)+"}")
	stranger("x10")
	w.ask("", "POST v3/refresh", `{"refresh_token":"r1","x":"`+strings.Repeat("x", txn.MaxBody)+`"}`, `{"access_token":"x11"}`)
	stranger("x11")
}

// TestSoftLogout: who logs in again as the same device goes on.
func TestSoftLogout(t *testing.T) {
	w := newWorld(t, nil)
	w.login("a1", "", "@a:hs", "A")
	w.login("a2", "", "@a:hs", "A")
	first := w.user("a1")
	assert.Equal(t, first, w.user("a2"))
	assert.NotEqual(t, first, w.user("a1"))
}

// TestLogout: nothing follows a token that was given up.
func TestLogout(t *testing.T) {
	store := &session.Memory{}
	w := newWorld(t, store)
	w.login("a1", "r1", "@a:hs", "A")
	w.refresh("r1", "a2", "r2")
	w.ask("a2", "POST v3/logout", "", `{}`)
	w.login("a3", "", "@a:hs", "A")
	assert.Equal(t, txn.Token("a3"), w.user("a3"))
	keys, err := store.Keys("")
	require.NoError(t, err)
	assert.Len(t, keys, 1)
	for _, key := range keys { // in the store are hashes alone
		value, err := store.Load(key)
		require.NoError(t, err)
		assert.NotContains(t, string(value), "a3")
	}
}

// TestBounded: devices are bounded, and those of which nothing is heard go.
func TestBounded(t *testing.T) {
	store := &session.Memory{}
	w := newWorld(t, store)
	for i := range maxDevices + 10 {
		w.login(fmt.Sprint("a", i), "", "@a:hs", fmt.Sprint(i))
	}
	keys, err := store.Keys("")
	require.NoError(t, err)
	assert.Len(t, keys, maxDevices)
	assert.Len(t, w.devices, maxDevices)
	assert.Len(t, w.byToken, maxDevices)
}

// TestDamaged: what the store has lost is learnt again.
func TestDamaged(t *testing.T) {
	store := &session.Memory{}
	w := newWorld(t, store)
	w.login("a1", "r1", "@a:hs", "A")
	keys, err := store.Keys("")
	require.NoError(t, err)
	whole, err := store.Load(keys[0])
	require.NoError(t, err)
	for n := range whole {
		require.NoError(t, store.Commit(map[string][]byte{keys[0]: whole[:n]}))
		w = newWorld(t, store)
		assert.Equal(t, txn.Token("a1"), w.user("a1"))
		assert.Empty(t, w.devices)
	}
	d, err := decodeDevice(keys[0], whole)
	require.NoError(t, err)
	assert.Equal(t, whole, d.encode())
}

// TestErrors: what breaks off on the way is the caller's to know.
func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	w := newWorld(t, nil)
	w.Carry = func(*http.Request) (*http.Response, error) { return nil, broken }
	_, err := w.RoundTrip(request(t, "", "POST", "v3/login", ""))
	assert.ErrorIs(t, err, broken)
	w.Carry = func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"access`), failing{broken}))}, nil
	}
	_, err = w.RoundTrip(request(t, "", "POST", "v3/login", ""))
	assert.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
