package realtime

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// roomEvents bounds the events of ship that are no messages.
const roomEvents = 20

// TestSession lives a session over each link, from the first datagram on.
func TestSession(t *testing.T) {
	t.Parallel()
	for _, p := range bed.plans {
		t.Run(p.profile, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), p.deadline)
			defer cancel()
			w := openWay(ctx, t, p.profile, p.profile)
			s := newSession(ctx, t, p, w)
			if p.short {
				s.live(ctx, (*session).contact, (*session).login, (*session).setFilter, (*session).join,
					(*session).send, (*session).receive)
			} else {
				s.live(ctx, (*session).contact, (*session).login, (*session).uploadKeys, (*session).setFilter,
					(*session).firstSync, (*session).join, (*session).send, (*session).receive, (*session).history,
					(*session).encrypted, (*session).media, (*session).create)
			}
			w.stopConnect(t)
			pcap := w.relay.Pcap()
			stats := w.stopRelay(t)
			requireDTLS(t, w.read(t, pcap))
			s.verify(ctx)
			s.log.done(p.profile, s.alice.gaveUp.Load(), stats)
		})
	}
}

// A session is Alice at the far end of a link, and Bob at the homeserver.
type session struct {
	plan
	t          *testing.T
	log        *log
	alice, bob *cryptoUser
	account    id.UserID // of Alice
	// ship is a room of Bob's to which Alice is invited.
	ship id.RoomID
	// sent are the texts in ship that are not encrypted, oldest first.
	sent []string
	// heard are those of Bob's events that Alice must have got with a sync.
	heard []id.EventID
}

// newSession prepares what is there before Alice comes, at the homeserver itself.
func newSession(ctx context.Context, t *testing.T, p plan, w *way) *session {
	t.Helper()
	s := &session{plan: p, t: t}
	s.account = register(ctx, t, "alice").UserID
	s.bob = newCryptoUser(ctx, t, register(ctx, t, "bob"))
	require.NoError(t, s.bob.shareKeys(ctx, 50))
	created, err := s.bob.CreateRoom(ctx, &mautrix.ReqCreateRoom{
		Preset: "trusted_private_chat", Invite: []id.UserID{s.account}, // Alice may do what Bob may
	})
	require.NoError(t, err)
	s.ship = created.RoomID
	for i := range p.logEntries {
		s.say(ctx, s.bob.user, fmt.Sprintf("log entry %d", i))
	}
	s.alice = &cryptoUser{user: newUser(t, w.connect.URL(), p.patience)}
	s.log = newLog(t)
	return s
}

// say sends a text to ship.
func (s *session) say(ctx context.Context, u *user, text string) id.EventID {
	s.t.Helper()
	resp, err := u.SendText(ctx, s.ship, text)
	require.NoError(s.t, err)
	s.sent = append(s.sent, text)
	return resp.EventID
}

// live takes the steps.
func (s *session) live(ctx context.Context, steps ...func(*session, context.Context)) {
	for _, step := range steps {
		step(s, ctx)
	}
}

func (s *session) contact(ctx context.Context) {
	s.log.step("first contact", func() error {
		_, err := s.alice.Versions(ctx)
		return err
	})
}

func (s *session) login(ctx context.Context) {
	s.log.step("login", func() error { return s.alice.login(ctx, s.account) })
	s.alice = newCryptoUser(ctx, s.t, s.alice.user)
}

func (s *session) uploadKeys(ctx context.Context) {
	s.log.step(fmt.Sprintf("%d keys", s.oneTimeKeys), func() error { return s.alice.shareKeys(ctx, s.oneTimeKeys) })
}

// setFilter says what is to come with a sync.
func (s *session) setFilter(ctx context.Context) {
	s.log.step("filter", func() error {
		created, err := s.alice.CreateFilter(ctx, s.filter())
		if err == nil {
			s.alice.filter = created.FilterID
		}
		return err
	})
}

// firstSync is that of a new account: its push rules, and an invitation.
func (s *session) firstSync(ctx context.Context) {
	s.log.step("first sync", func() error {
		_, err := s.alice.sync(ctx, 0)
		return err
	})
}

// filter is what careful clients ask for: no presence, members as they speak.
func (s *session) filter() *mautrix.Filter {
	none := &mautrix.FilterPart{NotTypes: []event.Type{event.NewEventType("*")}}
	f := &mautrix.Filter{Presence: none, Room: &mautrix.RoomFilter{
		State:    &mautrix.FilterPart{LazyLoadMembers: true},
		Timeline: &mautrix.FilterPart{Limit: 10},
	}}
	if s.short {
		f.AccountData, f.Room.State, f.Room.Timeline.Limit = none, none, 1
	}
	return f
}

func (s *session) join(ctx context.Context) {
	s.log.step("join", func() error {
		_, err := s.alice.JoinRoomByID(ctx, s.ship)
		return err
	})
}

// create makes a room of her own.
func (s *session) create(ctx context.Context) {
	var room id.RoomID
	s.log.step("create room", func() error {
		created, err := s.alice.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "private_chat"})
		if err == nil {
			room = created.RoomID
		}
		return err
	})
	var made event.CreateEventContent
	require.NoError(s.t, s.alice.direct(s.t).StateEvent(ctx, room, event.StateCreate, "", &made))
}

func (s *session) send(ctx context.Context) {
	messages := []string{"course 270°", "ETA 06:40 ⚓", "‘all’ well"}
	if s.short {
		messages = messages[:1]
	}
	for _, text := range messages {
		s.log.step("send", func() error {
			_, err := s.alice.SendText(ctx, s.ship, text)
			return err
		})
		s.sent = append(s.sent, text)
	}
}

// receive reads a message of Bob's, and all that came before it.
func (s *session) receive(ctx context.Context) {
	s.log.step("catch up", func() error {
		_, err := s.alice.sync(ctx, 0)
		return err
	})
	heard := s.say(ctx, s.bob.user, "understood")
	s.heard = append(s.heard, heard)
	s.log.step("receive", func() error { return s.alice.awaitEvent(ctx, heard) })
}

func (s *session) history(ctx context.Context) {
	var page []*event.Event
	s.log.step("history", func() (err error) {
		page, err = s.alice.history(ctx, s.ship, s.logEntries)
		return err
	})
	want, err := s.bob.history(ctx, s.ship, s.logEntries)
	require.NoError(s.t, err)
	require.Len(s.t, page, s.logEntries)
	for i := range want {
		require.Equal(s.t, want[i].ID, page[i].ID)
		require.JSONEq(s.t, string(want[i].Content.VeryRaw), string(page[i].Content.VeryRaw))
	}
}

// encrypted turns encryption on and says something, both ways.
func (s *session) encrypted(ctx context.Context) {
	encryption := &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}
	s.log.step("encryption on", func() error {
		_, err := s.alice.SendStateEvent(ctx, s.ship, event.StateEncryption, "", encryption)
		return err
	})
	for _, u := range []*cryptoUser{s.alice, s.bob} {
		require.NoError(s.t, u.StateStore.SetEncryptionEvent(ctx, s.ship, encryption))
	}
	readers := []id.UserID{s.alice.UserID, s.bob.UserID}
	const there, back = "between us: we need a doctor", "on the way"
	var sent id.EventID
	s.log.step("encrypted send", func() (err error) {
		sent, err = s.alice.send(ctx, s.ship, there, readers...)
		return err
	})
	got, err := s.bob.receive(ctx, sent)
	require.NoError(s.t, err)
	require.Equal(s.t, there, got)
	answer, err := s.bob.send(ctx, s.ship, back, readers...)
	require.NoError(s.t, err)
	s.heard = append(s.heard, answer)
	s.log.step("encrypted receive", func() (err error) {
		got, err = s.alice.receive(ctx, answer)
		return err
	})
	require.Equal(s.t, back, got)
}

// media goes up and comes down.
func (s *session) media(ctx context.Context) {
	photo := make([]byte, s.mediaSize)
	rand.Read(photo) // never fails
	carry := func(from, to *user, up, down func(func() error)) {
		var uri id.ContentURI
		up(func() error {
			resp, err := from.UploadBytes(ctx, photo, "image/jpeg")
			if err == nil {
				uri = resp.ContentURI
			}
			return err
		})
		var got []byte
		down(func() (err error) {
			got, err = to.DownloadBytes(ctx, uri)
			return err
		})
		require.Equal(s.t, photo, got)
	}
	direct := func(do func() error) { require.NoError(s.t, do()) }
	logged := func(name string) func(func() error) { return func(do func() error) { s.log.step(name, do) } }
	size := fmt.Sprintf(" of %d B", s.mediaSize)
	carry(s.alice.user, s.bob.user, logged("upload"+size), direct)
	carry(s.bob.user, s.alice.user, direct, logged("download"+size))
}

// verify asks the homeserver itself what has become of it all: nothing is lost,
// nothing is there twice.
func (s *session) verify(ctx context.Context) {
	stored, err := s.bob.history(ctx, s.ship, len(s.sent)+roomEvents)
	require.NoError(s.t, err)
	slices.Reverse(stored)
	assert.Equal(s.t, s.sent, texts(stored))

	count := make(map[id.EventID]int)
	for _, evt := range s.alice.timeline {
		count[evt.ID]++
	}
	for eventID, n := range count {
		assert.Equal(s.t, 1, n, "%s came with %d syncs", eventID, n)
	}
	for _, eventID := range s.heard {
		assert.Contains(s.t, count, eventID)
	}
}
