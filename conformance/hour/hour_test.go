package hour

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/linkemu"
)

var update = flag.Bool("update", false, "write what was measured into docs/clients.md")

const (
	home = "ship.example"
	seed = 1
)

// profiles are the links: a fast one with a long way, a narrow one, a slow one.
func profiles() []string { return []string{"geo-vsat", "certus100", "iridium-2400"} }

// A variant is what stands between the client and the link.
type variant struct {
	name string
	// push answers /sync out of what the far end pushes, policy keeps chatter off the link.
	push, policy bool
}

// variants are the ways to carry an hour, the plainest first.
func variants() []variant {
	return []variant{
		{name: "polled"},
		{name: "pushed", push: true},
		{name: "pushed, with the policy of the link", push: true, policy: true},
	}
}

var model = sync.OnceValues(coder.Shipped)

// cell is a place in the tables.
type cell struct{ profile, variant, kind string }

// TestHour lives the hour with each kind over each link, in each variant.
func TestHour(t *testing.T) {
	measured := make(map[cell]result)
	for _, profile := range profiles() {
		for _, v := range variants() {
			for _, k := range kinds() {
				t.Run(profile+"/"+v.name+"/"+k.name, func(t *testing.T) {
					measured[cell{profile, v.name, k.name}] = live(t, profile, v, k)
				})
			}
		}
	}
	if !t.Failed() {
		keepPage(t, measured)
	}
}

// result is what an hour came to.
type result struct {
	messages int
	// up and down are the median waits for messages of the client and of its peer.
	up, down time.Duration
	gaveUp   int64
	causes   map[string][2]int64 // bytes up and down
}

// live lives an hour.
func live(t *testing.T, profile string, v variant, k kind) (out result) {
	p, ok := link.ByName(profile)
	require.True(t, ok)
	m, err := model()
	require.NoError(t, err)
	hs := new(inprocess.Transport) // of a homeserver that is there once virtual time is
	cfg := virtual.Config{Client: p, Link: linkemu.FromProfile(p, seed), Homeserver: hs}
	cfg.Version2 = func() *coap.Version2 {
		return &coap.Version2{Format: wire2.NewFormat(m, 2), Home: func() string { return home }}
	}
	virtual.Run(t, cfg, func(pair *virtual.Pair) {
		t := pair.T
		hs.Handler = fakehs.New(fakehs.Config{ServerName: home, Seed: seed})
		book := newLedger(pair.Transport.Version2.Format)
		dial := pair.Transport.Dial
		pair.Transport.Dial = func(ctx context.Context) (net.Conn, error) {
			c, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			return book.tap(c.(*dtls.Conn)), nil
		}
		carrier, closeAll := v.over(pair.Transport, p)
		connect := gateway.NewConnect(gateway.ConnectOptions{Transport: carrier})

		alice := newClient(t, k, inprocess.Transport{Handler: connect}, "alice", 1)
		bob := newClient(t, k, hs, "bob", 2)
		alice.peer, bob.peer = bob, alice
		out.messages = talk(t, alice, bob)
		out.up, out.down = alice.wait(), bob.wait()
		closeAll(t)
		assert.EqualValues(t, 1, pair.Dials.Load(), "the session goes on")
		stats := pair.Link.Stats()
		assert.Zero(t, stats.Up.Dropped+stats.Down.Dropped, "into a full queue")
		out.gaveUp = alice.gaveUp.Load()
		out.causes = book.bytesByCause(t, stats, int64(p.Overhead))
	})
	return out
}

// over puts the variant in front of a link, in the order of coapgw connect. What it returns
// must be closed, by the function.
func (v variant) over(link *coap.Transport, p link.Profile) (http.RoundTripper, func(*testing.T)) {
	joined := &join.Transport{Base: link, Profile: p}
	carrier, closers := http.RoundTripper(joined), []io.Closer{joined}
	if v.push {
		syncer := &observe.Syncer{Carry: joined.RoundTrip, Source: link, Profile: p}
		carrier, closers = syncer, append(closers, syncer)
	}
	if v.policy {
		chatter := &policy.Transport{Base: carrier, Profile: p}
		carrier, closers = chatter, append(closers, chatter)
	}
	return carrier, func(t *testing.T) {
		for _, c := range slices.Backward(closers) {
			require.NoError(t, c.Close())
		}
	}
}

// settle makes accounts and a room in which both are, at the homeserver itself.
func settle(t *testing.T, alice, bob *client) (room string) {
	t.Helper()
	const v3 = "/_matrix/client/v3"
	ashore := func(token, method, target, body string) string {
		resp, err := bob.via.RoundTrip(inprocess.NewRequest(t.Context(), method, target, token, body))
		require.NoError(t, err)
		var answer json.RawMessage
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s", answer)
		return string(answer)
	}
	tokens := make(map[*client]string)
	for _, c := range []*client{alice, bob} {
		tokens[c] = field(t, ashore("", "POST", v3+"/register", `{"username":"`+c.user+`","password":"`+password+`","auth":{"type":"m.login.dummy"}}`), "access_token")
	}
	room = field(t, ashore(tokens[bob], "POST", v3+"/createRoom", `{"preset":"public_chat"}`), "room_id")
	ashore(tokens[alice], "POST", v3+"/join/"+room, "{}")
	alice.room, bob.room = room, room
	return room
}

// history are the messages of a room as the homeserver has them, oldest first.
func history(t *testing.T, c *client, room string) (ids []string) {
	t.Helper()
	resp, err := c.via.RoundTrip(inprocess.NewRequest(t.Context(), "GET", "/_matrix/client/v3/rooms/"+room+"/messages?dir=b&limit=1000", c.token, ""))
	require.NoError(t, err)
	var page struct {
		Chunk []struct {
			Type string
			ID   string `json:"event_id"`
		}
	}
	require.NoError(t, errors.Join(json.NewDecoder(resp.Body).Decode(&page), resp.Body.Close()))
	for _, e := range slices.Backward(page.Chunk) {
		if e.Type == "m.room.message" || e.Type == "m.room.encrypted" {
			ids = append(ids, e.ID)
		}
	}
	return ids
}
