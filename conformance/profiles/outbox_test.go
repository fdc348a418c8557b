package profiles

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/answers"
	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/outbox"
	stores "github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/gateway"
)

// usual is how long HTTP clients wait for an answer.
const usual = 30 * time.Second

// withGaps are the profiles whose link is closed for longer than any client waits.
var withGaps = []string{"leo-pass", "iridium-sbd"}

// boxed is a world with an outbox in front of its link, and answers kept behind it.
type boxed struct {
	*world
	store  stores.Memory // of the outbox
	joined *join.Transport
	box    *outbox.Transport
}

// inBoxedWorld runs f with an outbox in the path.
func inBoxedWorld(t *testing.T, p link.Profile, seed uint64, f func(*boxed)) {
	hs := newHomeserver(t)
	kept := new(stores.Memory) // of the server's side
	behind := func(next http.Handler) http.Handler {
		book := &answers.Book{Store: kept, Prefix: "answers/"}
		require.NoError(t, book.Open())
		return &answers.Handler{Next: next, Book: book}
	}
	cfg := virtual.Config{Client: p, Link: linkOf(p, seed), Homeserver: hs, Behind: behind}
	virtual.Run(t, cfg, func(pair *virtual.Pair) {
		b := &boxed{world: &world{pair, p, hs}}
		b.start()
		defer func() { b.stop() }() // the one that runs by then
		f(b)
	})
}

// start begins a life of the outbox.
func (b *boxed) start() {
	b.joined = &join.Transport{Base: b.Transport, Profile: b.profile}
	b.box = &outbox.Transport{Base: b.joined, Profile: b.profile, Store: &b.store}
	require.NoError(b.T, b.box.Start())
	b.Connect = gateway.NewConnect(gateway.ConnectOptions{Transport: b.box})
}

func (b *boxed) stop() {
	require.NoError(b.T, b.box.Close())
	require.NoError(b.T, b.joined.Close())
}

// TestOutbox: a client that waits half a minute and then asks again lives its whole session
// over links that are closed for longer than it waits; what it sends is there once, in
// order, and it is told the true event ids.
func TestOutbox(t *testing.T) {
	for _, name := range withGaps {
		t.Run(name, func(t *testing.T) {
			p, ok := link.ByName(name)
			require.True(t, ok)
			for seed := uint64(lossless); seed <= tableSeeds; seed++ {
				inBoxedWorld(t, p, seed, func(b *boxed) {
					s := b.newSession()
					s.patience, s.again = usual, true
					require.NoError(b.T, s.live(lazy(p)), "seed %d", seed)
					require.Len(b.T, s.sent, 11)
					require.True(b.T, s.intact(), "seed %d", seed)
					assert.Zero(b.T, b.box.Snapshot().Queued)
				})
			}
		})
	}
}

// TestNoOutbox: without it, and with nothing else that keeps answers, such a client never
// hears of its first message.
func TestNoOutbox(t *testing.T) {
	p, ok := link.ByName("iridium-sbd")
	require.True(t, ok)
	inWorld(t, p, linkOf(p, 1), func(w *world) {
		s := w.newSession()
		require.NoError(w.T, s.connect())
		s.patience, s.again = impatience, true
		require.ErrorIs(w.T, s.send("send", 0), errHangs)
	})
}

// TestOutboxAlone: messages whose client has gone are sent when the link is back, after a
// restart of both gateways too; and the client that comes again finds the event id.
func TestOutboxAlone(t *testing.T) {
	for _, name := range withGaps {
		t.Run(name, func(t *testing.T) {
			p, ok := link.ByName(name)
			require.True(t, ok)
			for seed := uint64(lossless); seed <= tableSeeds; seed++ {
				inBoxedWorld(t, p, seed, func(b *boxed) {
					s := b.newSession()
					require.NoError(b.T, s.connect())
					time.Sleep(silence) // virtual; a pass has ended by then
					s.patience = impatience
					const messages = 3
					for n := range messages {
						require.ErrorIs(b.T, s.send("send", n), errHangs, "seed %d", seed)
					}
					require.NotZero(b.T, b.box.Snapshot().Queued)
					b.stop()
					b.Restart(dtls.Config{})
					b.start()
					for waits := 0; b.box.Snapshot().Queued > 0; waits++ {
						require.Less(b.T, waits, 24*60, "seed %d", seed)
						time.Sleep(time.Minute) // virtual
					}
					for n := range messages { // at once, whether the link is open or not
						begun := s.total
						err := s.send("again", n)
						if n == messages-1 { // the others are not the last exchange
							require.NoError(b.T, err, "seed %d", seed)
						}
						require.Zero(b.T, s.total-begun)
					}
					stored := s.stored()
					require.Equal(b.T, []string{"message 0 from aboard", "message 1 from aboard", "message 2 from aboard"}, stored, "seed %d", seed)
				})
			}
		})
	}
}
