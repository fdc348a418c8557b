package links

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// own are links that nobody has tuned anything for.
var own = [...]string{
	"base=hf-vara500,name=hf-150,rate-up=150,rate-down=150,ack-timeout=90s",
	"base=fosdem-100bps,name=turns,half-duplex=true,turnaround=2s,preamble=1s,max-turn=60s,ack-timeout=90s",
	"base=meshtastic-lf,name=lopsided,rate-up=300,rate-down=5000,ack-timeout=30s",
	"base=iridium-sbd,name=slow-messages,min-gap=90s,ack-timeout=240s",
	"base=geo-vsat,name=thin,rate-up=9600,rate-down=9600,nstart=1",
}

// everyLink are the profiles, and some of a person's own.
func everyLink(t *testing.T) []link.Profile {
	all := link.Profiles()
	for _, text := range own {
		p, err := link.Parse(text)
		require.NoError(t, err, text)
		all = append(all, p)
	}
	return all
}

// inSharedWorld runs f over the link of a profile without loss, where the homeserver
// takes so long for each answer. Seed 0 is without jitter, too.
func inSharedWorld(t *testing.T, p link.Profile, seed uint64, takes time.Duration, f func(*world)) {
	l := linkemu.FromProfile(p, seed)
	l.Up.Burst, l.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
	if seed == 0 {
		l.Up.Jitter, l.Down.Jitter = 0, 0
	}
	l.Contact.Known = true
	homeserver := &recorder{Handler: fakehs.New(fakehs.Config{ServerName: "ship.example", Seed: 1})}
	cfg := virtual.Config{Client: p, Link: l, Homeserver: &unhurried{inprocess.Transport{Handler: homeserver}, takes}}
	virtual.Run(t, cfg, func(pair *virtual.Pair) {
		w := &world{pair, homeserver}
		f(w)
		time.Sleep(p.MaxTransmitWait()) // virtual: whatever would be sent again, is
		s := w.Link.Stats()
		assert.Zero(w.T, w.sentTwice())
		assert.Zero(w.T, s.Up.Dropped+s.Down.Dropped, "datagrams that our own queue dropped")
		assert.Zero(w.T, s.Up.Violations+s.Down.Violations, "datagrams over the MTU")
		assert.EqualValues(w.T, 1, w.Dials.Load())
	})
}

// unhurried is a homeserver that takes its time.
type unhurried struct {
	http.RoundTripper
	takes time.Duration
}

// RoundTrip implements http.RoundTripper.
func (h *unhurried) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(h.takes) // virtual
	return h.RoundTripper.RoundTrip(r)
}

// crew are three users in a room, and the target of a picture of 40 kB.
func (w *world) crew() (users [3]*client, room, picture string) {
	host := w.ashore("host")
	room = host.room()
	uri := field(host, host.do("POST", "/_matrix/media/r0/upload?filename=photo", noise(40_000)), "content_uri")
	for i, name := range []string{"alice", "bob", "carol"} {
		w.ashore(name)
		users[i] = w.aboard()
		users[i].login(name)
		users[i].do("POST", r0+"/join/"+room, "{}")
	}
	return users, room, "/_matrix/media/r0/download/" + strings.TrimPrefix(uri, "mxc://")
}

// expect sends a request while others are under way.
func (c *client) expect(method, target, body string) (answer string) {
	status, answer, err := c.request(method, target, body)
	assert.NoError(c.w.T, err, target)
	assert.Equal(c.w.T, http.StatusOK, status, target)
	return answer
}

// TestTogetherNothingTwice: three users of one session fetch a picture, put one up,
// wait for news and write to each other, all at the same time. On a link without loss
// nothing crosses it twice, whatever its jitter, and whether the homeserver is quick or
// takes longer than answers are waited for.
func TestTogetherNothingTwice(t *testing.T) {
	for _, p := range everyLink(t) {
		for _, takes := range []time.Duration{0, 3 * time.Second, 20 * time.Second} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprint(p.Name, "/", takes, "/seed ", seed), func(t *testing.T) {
					inSharedWorld(t, p, seed, takes, together)
				})
			}
		}
	}
}

func together(w *world) {
	users, room, picture := w.crew()
	since := field(users[2], users[2].do("GET", r0+"/sync", ""), "next_batch")
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { assert.Len(w.T, users[0].expect("GET", picture, ""), 40_000) })
	all.Go(func() { users[1].expect("POST", "/_matrix/media/r0/upload?filename=photo", noise(5000)) })
	all.Go(func() { users[2].expect("GET", r0+"/sync?timeout=600000&since="+since, "") })
	for i, c := range users {
		all.Go(func() {
			for n := range 4 {
				c.expect("PUT", sendTarget(room, 10*i+n), textMessage("hello world"))
				time.Sleep(7 * time.Second) // virtual
			}
		})
	}
}

// TestDownloadDelaysNoSend: while one user fetches 40 kB, the message of another one
// waits for little more than what is in its way at that moment: a turn of each side on
// a half-duplex link, elsewhere a datagram each way.
func TestDownloadDelaysNoSend(t *testing.T) {
	for _, p := range everyLink(t) {
		if min(p.RateUp, p.RateDown) >= 10_000 {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			inSharedWorld(t, p, 0, 0, func(w *world) {
				users, room, picture := w.crew()
				sends := 0
				send := func() (took time.Duration) {
					sends++
					begun := time.Now()
					users[1+sends%2].do("PUT", sendTarget(room, sends), textMessage("hello world"))
					return time.Since(begun)
				}
				alone := max(send(), send())
				sends = 0
				fetched := make(chan struct{})
				go func() {
					defer close(fetched)
					assert.Len(w.T, users[0].expect("GET", picture, ""), 40_000)
				}()
				time.Sleep(2 * alone) // virtual: it is under way
				amid := time.Duration(0)
				for under := true; under && sends < 20; {
					amid = max(amid, send())
					select {
					case <-fetched:
						under = false
					case <-time.After(time.Duration(sends) * alone / 7): // virtual: at any moment of a turn
					}
				}
				<-fetched
				require.Greater(w.T, sends, 3)
				most := p.Transit(p.MaxDatagram(true), true) + p.Transit(p.MaxDatagram(false), false)
				if p.HalfDuplex {
					most += p.MaxTurn
				}
				w.T.Logf("a message takes %v alone, at most %v amid a download; a turn is %v", alone, amid, p.MaxTurn)
				assert.Less(w.T, amid-alone, most)
			})
		})
	}
}

// TestNothingPilesUp: what a session hands over leaves at once on a full-duplex link:
// no datagram waits in front of it behind more than another one's last bit.
func TestNothingPilesUp(t *testing.T) {
	for _, p := range everyLink(t) {
		if p.HalfDuplex || p.ContactPeriod > 0 {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			inSharedWorld(t, p, 0, 0, func(w *world) {
				var mu sync.Mutex
				worst := time.Duration(0)
				w.Link.Tap(func(packet linkemu.Packet) {
					if packet.Payload[0] == 22 || packet.Payload[0] == 20 { // a flight of the handshake leaves as one
						return
					}
					mu.Lock()
					defer mu.Unlock()
					worst = max(worst, packet.Departs.Sub(packet.Sent)-p.Airtime(len(packet.Payload), packet.Up))
				})
				together(w)
				mu.Lock()
				defer mu.Unlock()
				assert.LessOrEqual(w.T, worst, p.MinGap+20*time.Millisecond)
			})
		})
	}
}
