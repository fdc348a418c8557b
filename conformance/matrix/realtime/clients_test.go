package realtime

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/matrix/jssdk"
	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

const (
	// hang is how long a chat may take beyond its time. It tells one that hangs, not a
	// slow one.
	hang = 8 * time.Minute
	// settle is how long the clients rest before idleness is measured, while there is much to
	// do for others: the last receipts are under way, and that somebody has stopped typing
	// Dendrite says with the first poll that ends after that and after something has happened.
	settle = typingTime + 50*time.Second
	// busyPause is how often the homeserver gets a message that is none of the clients'
	// business while they are idle.
	busyPause = 500 * time.Millisecond
)

// TestClients lets two clients as people have them talk over each link, encrypted:
// mautrix and matrix-js-sdk, which log in over the link and wait as they are made to. Then
// they do nothing for a while.
func TestClients(t *testing.T) {
	t.Parallel()
	program, err := jssdk.Install(t.Context(), "../../jssdk", filepath.Join(moduleDir, ".build"))
	require.NoError(t, err)
	texts := readTexts(t)
	rows := make([]clientsRow, len(bed.plans))
	t.Run("links", func(t *testing.T) {
		for i, p := range bed.plans {
			t.Run(p.profile, func(t *testing.T) {
				t.Parallel()
				rows[i] = liveClients(t, program, p, texts)
			})
		}
	})
	if t.Failed() {
		return
	}
	page := clientsPage(rows)
	t.Log("\n" + page)
	if bed.update {
		writePage(t, page)
	}
}

// liveClients is a chat and the idleness after it over one link.
func liveClients(t *testing.T, program string, p plan, texts []string) clientsRow {
	ctx, cancel := context.WithTimeout(t.Context(), bed.duration+bed.idle+hang)
	defer cancel()
	person, robot := register(ctx, t, "person"), register(ctx, t, "robot")
	w := openWay(ctx, t, "clients-"+p.profile, p.profile)
	begin := time.Now()
	c, stopClients := startChat(ctx, t, program, w, person, robot)
	row := clientsRow{profile: p.profile, ready: time.Since(begin), setup: w.stats(t)}

	require.NoError(t, c.live(ctx, texts, p.pause, begin.Add(bed.duration)))
	row.chat = w.stats(t)
	row.idleBytes = w.idle(ctx, t, p.profile)
	stopClients()
	w.stopConnect(t)
	w.stopRelay(t)
	for i, l := range c.lanes {
		l.verify(t)
		slices.Sort(l.delays)
		row.messages[i], row.median[i], row.longest[i] = len(l.sent), l.delays[len(l.delays)/2], l.delays[len(l.delays)-1]
		for _, text := range l.late {
			t.Log(l.name, "before its key:", text)
		}
	}
	return row
}

// keptAlive is what an idle minute may cost on a link, in bytes: a question and its answer each
// time that a mapping on the way would be forgotten, once more for each of them that is lost, and
// nothing where there is no mapping.
func keptAlive(t *testing.T, profile string, lost int64) float64 {
	t.Helper()
	const questionAndAnswer = 150
	p, ok := link.ByName(profile)
	require.True(t, ok)
	if p.KeepAlive == 0 {
		return 0
	}
	return questionAndAnswer * float64(int64(bed.idle/p.KeepAlive)+1+lost) / bed.idle.Minutes()
}

// startChat brings both clients into an encrypted room. Both know the other's devices
// only by what came over the link.
func startChat(ctx context.Context, t *testing.T, program string, w *way, person, robot *user) (c *chat, stop func()) {
	t.Helper()
	c = &chat{lanes: [2]*lane{newLane("js-sdk to mautrix"), newLane("mautrix to js-sdk")}}
	toBot, toPerson := c.lanes[0].events(), c.lanes[1].events()
	js, err := jssdk.Start(jssdk.Config{
		Dir: program, LogPath: filepath.Join(w.dir, "jssdk.log"),
		Message: func(m jssdk.Message) {
			toPerson.heard(message{m.ID, m.Text, m.Encrypted})
		},
		Trouble: toPerson.trouble, Undecrypted: toPerson.undecrypted,
	})
	require.NoError(t, err)
	var stopJS sync.Once
	t.Cleanup(func() { stopJS.Do(func() { assert.NoError(t, js.Stop()) }) })

	b := startBot(ctx, t, w.connect.URL(), robot.UserID, toBot)
	_, err = js.Login(ctx, w.connect.URL(), person.UserID.Localpart(), password)
	require.NoError(t, err)
	room, err := js.CreateRoom(ctx, robot.UserID.String())
	require.NoError(t, err)
	require.NoError(t, js.AwaitMember(ctx, room, robot.UserID.String()))
	select {
	case b.room = <-b.joined:
	case <-ctx.Done():
		require.NoError(t, ctx.Err(), "the bot is in no room")
	}
	c.parties = [2]party{&jsParty{js, room}, b}
	return c, func() {
		b.stop()
		stopJS.Do(func() { assert.NoError(t, js.Stop()) })
	}
}

// jsParty is matrix-js-sdk in a room.
type jsParty struct {
	*jssdk.Client
	room string
}

// send implements party.
func (p *jsParty) send(ctx context.Context, text string) error {
	_, err := p.Send(ctx, p.room, text)
	return err
}

// receipt implements party.
func (p *jsParty) receipt(ctx context.Context, eventID string) error {
	return p.Receipt(ctx, p.room, eventID)
}

// typing implements party.
func (p *jsParty) typing(ctx context.Context, on bool) error { return p.Typing(ctx, p.room, on) }

// stats is what was on the link so far, up and down: what the relay says next.
func (w *way) stats(t *testing.T) (stats pair.LinkStats) {
	t.Helper()
	before, _ := w.relay.Stats() // it may not have said anything yet
	require.Eventually(t, func() bool {
		var err error
		stats, err = w.relay.Stats()
		return err == nil && stats.Seconds > before.Seconds
	}, hang, statsInterval/10, "the relay says nothing")
	return stats
}

// idleTries is how often idleness is measured where it was not idle enough: while the machine is
// busy with something else, what has arrived may be sent again. What is needless is so each time.
const idleTries = 3

// idle returns the bytes on the link in a minute in which the clients want nothing and
// the homeserver has much to do for others. They must be few.
func (w *way) idle(ctx context.Context, t *testing.T, profile string) (bytesPerMinute float64) {
	t.Helper()
	others := register(ctx, t, "others")
	room, err := others.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "private_chat"})
	require.NoError(t, err)
	chatter := func(d time.Duration) {
		for begin := time.Now(); time.Since(begin) < d; time.Sleep(busyPause) {
			_, err := others.SendText(ctx, room.RoomID, "none of your business, at "+time.Now().String())
			require.NoError(t, err)
		}
	}
	chatter(settle)
	var most float64
	for n := range idleTries {
		before := w.stats(t)
		chatter(bed.idle)
		after := w.stats(t)
		bytes := after.Up.Bytes + after.Down.Bytes - before.Up.Bytes - before.Down.Bytes
		bytesPerMinute = float64(bytes) / (after.Seconds - before.Seconds) * 60
		most = keptAlive(t, profile, after.Up.Lost+after.Down.Lost-before.Up.Lost-before.Down.Lost)
		if bytesPerMinute <= most {
			break
		}
		t.Logf("%s, try %d: %.0f bytes in an idle minute", profile, n+1, bytesPerMinute)
	}
	assert.LessOrEqual(t, bytesPerMinute, most, "bytes in an idle minute")
	return bytesPerMinute
}
