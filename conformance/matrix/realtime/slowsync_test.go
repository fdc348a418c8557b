package realtime

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

const (
	// slowProfile is a link on which serve cuts first syncs, fast enough to wait for.
	slowProfile = "iridium-2400"
	// slowDeadline is far more than that takes.
	slowDeadline = 15 * time.Minute
	// crew are the members of the room besides the one behind the link, chatter what is
	// said in it.
	crew, chatter = 4, 30
)

// TestEveryMemberReads: the first sync of a client that loads all members is cut on its way
// over a slow link, and each member of the room can decrypt what the client then sends.
func TestEveryMemberReads(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), slowDeadline)
	defer cancel()
	var members []*cryptoUser
	for n := range crew {
		u := newCryptoUser(ctx, t, register(ctx, t, fmt.Sprintf("crew%d", n)))
		require.NoError(t, u.shareKeys(ctx, 5))
		members = append(members, u)
	}
	owner, account := members[0], register(ctx, t, "alice")
	var accounts []*user
	for _, m := range members[1:] {
		accounts = append(accounts, m.user)
	}
	room := encryptedRoom(ctx, t, owner.user, append(accounts, account)...)
	for n := range chatter { // so that none of the others is in the timeline
		_, err := owner.SendText(ctx, room, fmt.Sprintf("sounding %d", n))
		require.NoError(t, err)
	}
	whole, err := account.FullSyncRequest(ctx, mautrix.ReqSync{})
	require.NoError(t, err)

	alice := newUser(t, "http://gateway", slowDeadline)
	alice.Client.Client.Transport = slowWay(t)
	require.NoError(t, alice.login(ctx, account.UserID))
	writer := newCryptoUser(ctx, t, alice)
	require.NoError(t, writer.shareKeys(ctx, 1))
	resp, err := alice.sync(ctx, 0)
	require.NoError(t, err)
	cut := resp.Rooms.Join[room]
	require.NotNil(t, cut)
	assert.True(t, cut.Timeline.Limited)
	require.Less(t, len(cut.Timeline.Events), len(whole.Rooms.Join[room].Timeline.Events), "the first sync was not cut")
	for _, evt := range slices.Concat(cut.State.Events, cut.Timeline.Events) {
		if evt.StateKey == nil {
			continue
		}
		evt.RoomID, evt.Type.Class = room, event.StateEventType
		_ = evt.Content.ParseRaw(evt.Type) // the store passes over what it does not know
		mautrix.UpdateStateStore(ctx, alice.StateStore, evt)
	}
	readers, err := alice.StateStore.(*mautrix.MemoryStateStore).GetRoomJoinedOrInvitedMembers(ctx, room)
	require.NoError(t, err)
	want := []id.UserID{account.UserID}
	for _, m := range members {
		want = append(want, m.UserID)
	}
	require.ElementsMatch(t, want, readers, "whom the client encrypts for")

	const text = "all hands"
	eventID, err := writer.send(ctx, room, text, readers...)
	require.NoError(t, err)
	for _, m := range members {
		got, err := m.receive(ctx, eventID)
		require.NoError(t, err, m.UserID)
		assert.Equal(t, text, got, m.UserID)
	}
}

// slowWay opens both sides in this process, with the slow link between them in real time. The
// far side cuts what slow links should not carry.
func slowWay(t *testing.T) http.RoundTripper {
	t.Helper()
	profile, ok := link.ByName(slowProfile)
	require.True(t, ok)
	cfg := linkemu.FromProfile(profile, 1)
	l := linkemu.New(cfg)
	psk := keys.NewPSK()
	far, err := url.Parse(bed.homeserverURL)
	require.NoError(t, err)
	format, err := wire2.Shipped(2)
	require.NoError(t, err)
	near := &coap.Version2{Format: format}
	handler := gateway.NewServe(gateway.ServeOptions{Homeserver: far, SlowLinks: &gateway.SlowLinks{}})
	station := &gateway.Station{
		Handler: handler, Security: &dtls.Config{Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup},
		Profile: link.Default(), Grace: time.Second, Version2: &coap.Version2{Format: format, Home: func() string { return "" }},
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- station.Run(ctx, l.Listen()) }()

	port := 40_000
	dialer := &gateway.Dialer{
		Security: &dtls.Config{Identity: psk.Identity, Key: psk.Key}, Profile: profile,
		Routes: func(context.Context) ([]gateway.Route, error) {
			return []gateway.Route{{Peer: linkemu.FarAddr(), Open: func() (net.PacketConn, error) {
				port++
				return l.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port}), nil
			}}}, nil
		},
	}
	carrier := &coap.Transport{Dial: dialer.Dial, Profile: profile, Version2: near}
	joined := &join.Transport{Base: carrier, Profile: profile}
	syncer := &observe.Syncer{Carry: joined.RoundTrip, Source: carrier, Profile: profile}
	t.Cleanup(func() {
		assert.NoError(t, syncer.Close())
		assert.NoError(t, joined.Close())
		assert.NoError(t, carrier.Close())
		stop()
		assert.NoError(t, <-ended)
		handler.Close()
		assert.NoError(t, l.Close())
	})
	return syncer
}
