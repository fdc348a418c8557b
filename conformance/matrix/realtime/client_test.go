package realtime

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const (
	password = "correct horse battery staple"
	// syncPause follows a sync that failed, as in the syncer that mautrix has.
	syncPause = 10 * time.Second
	// retries of mautrix are 4, 8, 16… seconds apart.
	retries = 5
)

// A user is a client and what it read of its sync stream.
type user struct {
	*mautrix.Client
	filter, since string
	// timeline is each event that came with a sync, in order.
	timeline []*event.Event
	// gaveUp counts the requests whose answer it did not wait for.
	gaveUp *atomic.Int64
}

// newUser returns a client that waits for each answer as long as patience and then
// asks again. It is logged in to nothing.
func newUser(t *testing.T, baseURL string, patience time.Duration) *user {
	t.Helper()
	client, err := mautrix.NewClient(baseURL, "", "")
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	gaveUp := new(atomic.Int64)
	client.Client = &http.Client{Timeout: patience, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := transport.RoundTrip(r)
		if err != nil {
			gaveUp.Add(1)
		}
		return resp, err
	})}
	client.DefaultHTTPRetries = retries
	client.StateStore = mautrix.NewMemoryStateStore()
	return &user{Client: client, gaveUp: gaveUp}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// register makes an account at the homeserver itself and logs in to it there.
func register(ctx context.Context, t *testing.T, prefix string) *user {
	t.Helper()
	u := newUser(t, bed.homeserverURL, impatience)
	resp, err := u.RegisterDummy(ctx, &mautrix.ReqRegister[any]{
		Username: prefix + "_" + strings.ToLower(rand.Text()), // all sessions share one homeserver
		Password: password,
	})
	require.NoError(t, err)
	u.UserID, u.DeviceID, u.AccessToken = resp.UserID, resp.DeviceID, resp.AccessToken
	return u
}

// login logs in as a registered user.
func (u *user) login(ctx context.Context, name id.UserID) error {
	_, err := u.Login(ctx, &mautrix.ReqLogin{
		Type:             mautrix.AuthTypePassword,
		Identifier:       mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: name.Localpart()},
		Password:         password,
		StoreCredentials: true,
	})
	return err
}

// direct is the same user at the homeserver itself, to see what is there.
func (u *user) direct(t *testing.T) *mautrix.Client {
	t.Helper()
	client, err := mautrix.NewClient(bed.homeserverURL, u.UserID, u.AccessToken)
	require.NoError(t, err)
	return client
}

// sync reads on in the stream, and asks again as often as it takes.
func (u *user) sync(ctx context.Context, timeout time.Duration) (*mautrix.RespSync, error) {
	for {
		resp, err := u.FullSyncRequest(ctx, mautrix.ReqSync{
			Timeout: int(timeout.Milliseconds()), Since: u.since, FilterID: u.filter,
		})
		if err == nil {
			u.since = resp.NextBatch
			for room, joined := range resp.Rooms.Join {
				for _, evt := range joined.Timeline.Events {
					evt.RoomID = room
					u.timeline = append(u.timeline, evt)
				}
			}
			return resp, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(syncPause):
		}
	}
}

// await reads the stream until found accepts a response.
func (u *user) await(ctx context.Context, found func(*mautrix.RespSync) bool) error {
	for {
		resp, err := u.sync(ctx, pollTime)
		if err != nil || found(resp) {
			return err
		}
	}
}

// awaitEvent reads the stream until it has the event.
func (u *user) awaitEvent(ctx context.Context, eventID id.EventID) error {
	if u.event(eventID) != nil {
		return nil
	}
	return u.await(ctx, func(*mautrix.RespSync) bool { return u.event(eventID) != nil })
}

// event is an event that came with a sync.
func (u *user) event(eventID id.EventID) *event.Event {
	for _, evt := range u.timeline {
		if evt.ID == eventID {
			return evt
		}
	}
	return nil
}

// history returns the newest limit events of a room, newest first.
func (u *user) history(ctx context.Context, room id.RoomID, limit int) ([]*event.Event, error) {
	page, err := u.Messages(ctx, room, "", "", mautrix.DirectionBackward, nil, limit)
	if err != nil {
		return nil, err
	}
	return page.Chunk, nil
}

// texts are the texts of the messages among events.
func texts(events []*event.Event) []string {
	var all []string
	for _, evt := range events {
		if evt.Type.Type != event.EventMessage.Type {
			continue
		}
		_ = evt.Content.ParseRaw(event.EventMessage) // a second parse is refused, harmlessly
		all = append(all, evt.Content.AsMessage().Body)
	}
	return all
}
