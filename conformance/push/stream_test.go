package push

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/people"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// device is a client of a room stream (docs/wire-v1.md): CoAP with Observe over DTLS, and
// one number that it stores.
type device struct {
	w           *world
	room, token string
	// on is how long it stays; then it is off for a while.
	on, off func() time.Duration

	mu sync.Mutex
	// mark is what it stores; seen are bodies, and "+n" for n events that were skipped.
	mark  uint64
	seen  []string
	wrong []string
	port  int
	// registered counts registrations.
	registered int
}

// run registers, over and over, until ctx ends.
func (d *device) run(ctx context.Context) {
	for ctx.Err() == nil {
		session, cancel := context.WithTimeout(ctx, d.on())
		d.session(session)
		cancel()
		sleep(ctx, d.off())
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// session is one DTLS session, in which it registers again after what the server has said.
func (d *device) session(ctx context.Context) {
	d.port++
	pc := net.PacketConn(socket{d.w.link.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 10_000 + d.port}), &life{}, &d.w.linkAway})
	defer pc.Close()
	dialing, cancel := context.WithTimeout(ctx, 5*time.Minute)
	nc, err := dtls.Dial(dialing, pc, linkemu.FarAddr(), dtls.Config{Identity: psk.Identity, Key: psk.Key, Profile: link.Default()})
	cancel()
	if err != nil {
		return
	}
	c := endpoint.New(nc, endpoint.Config{Profile: link.Default()})
	defer c.Wait()
	defer c.Close()
	for ctx.Err() == nil {
		registering, cancel := context.WithTimeout(ctx, 5*time.Minute)
		o, err := c.Observe(registering, d.registration(), d.take)
		cancel()
		if err != nil {
			d.registered++
			return
		}
		d.registered++
		for over := false; !over; {
			select {
			case <-o.Done(): // 5.03, or the session is lost
				over = true
			case <-ctx.Done():
				return
			case <-time.After(15 * time.Minute): // Max-Age
				again, cancel := context.WithTimeout(ctx, 5*time.Minute)
				err := o.Reregister(again, d.registration())
				cancel()
				if err != nil {
					return
				}
			}
		}
		if o.Err() != nil {
			return
		}
	}
}

func (d *device) registration() *endpoint.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &endpoint.Request{Code: endpoint.GET, Options: endpoint.Options{}.
		AddString(endpoint.URIPath, "~").AddString(endpoint.URIPath, d.room).
		AddString(endpoint.URIQuery, "f=27").AddString(endpoint.URIQuery, "s="+strconv.FormatUint(d.mark, 10)).
		AddString(coap.OptionAccessToken, d.token)}
}

var streamPayload = regexp.MustCompile(`^\{-1: (\d+)(?:, -2: (\d+)(?:, 1: .*)?|, 27: "([^"]*)")?\}$`)

// take is what it does with an answer or a notification.
func (d *device) take(resp *endpoint.Response) error {
	payload, err := io.ReadAll(resp.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil:
		return err
	case resp.Code.Class() != 2:
		return nil
	}
	text, err := cborcodec.Diagnose(payload)
	m := streamPayload.FindStringSubmatch(text)
	if err != nil || m == nil {
		d.wrong = append(d.wrong, fmt.Sprintf("%s %x: %v", text, payload, err))
		return nil
	}
	mark, _ := strconv.ParseUint(m[1], 10, 32)
	switch {
	case bytes.HasPrefix(payload, []byte{0xa1}), mark == d.mark:
		return nil // where the stream goes on from, or a copy
	case m[2] == "0":
		d.wrong = append(d.wrong, "a gap of unknown length")
	case m[2] != "":
		d.seen = append(d.seen, "+"+m[2])
	default:
		d.seen = append(d.seen, m[3])
	}
	d.mark = mark
	return nil
}

// told is how many events it knows of.
func (d *device) told() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.seen {
		n += length(s)
	}
	return n
}

func length(seen string) int {
	if n, err := strconv.Atoi(seen); err == nil && seen[0] == '+' {
		return n
	}
	return 1
}

// compare returns what is wrong with what it has seen of what was sent.
func (d *device) compare(sent []string) string {
	at := 0
	for _, s := range d.seen {
		if s[0] != '+' && (at >= len(sent) || sent[at] != s) {
			return fmt.Sprintf("%q is told for event %d", s, at)
		}
		at += length(s)
	}
	if at != len(sent) {
		return fmt.Sprintf("%d events are told of %d", at, len(sent))
	}
	return ""
}

// TestStreamHistories: over any history of loss, restarts of the server with and without its
// store, and absences of link, homeserver and device, a device that stores one number is told
// every event once and in order, or how many were skipped. Meanwhile no to-device message
// is lost to another client with the same access token.
func TestStreamHistories(t *testing.T) {
	skipped := 0
	for seed := range uint64(*histories) / 2 {
		if *only >= 0 && seed != uint64(*only) {
			continue
		}
		skipped += streamHistory(t, seed)
		if t.Failed() {
			return
		}
	}
	if *only < 0 {
		assert.NotZero(t, skipped, "no device was off for long enough: gaps were not tried")
	}
}

func streamHistory(t *testing.T, seed uint64) (skipped int) {
	r := rand.New(rand.NewPCG(seed, 11))
	profile := link.Default()
	cfg := linkemu.FromProfile(profile, seed+1)
	cfg.Up.Loss, cfg.Down.Loss = r.Float64()*0.3, r.Float64()*0.3
	o := options{profile: profile, link: cfg, durable: seed%2 == 0}
	inWorld(t, o, func(w *world) {
		alice, bob := w.newUser("alice", w.near()), w.newUser("bob", w.near())
		room := w.room(alice, bob)
		random := func(most time.Duration, n uint64) func() time.Duration {
			r := rand.New(rand.NewPCG(seed, n))
			return func() time.Duration { return time.Duration(r.Int64N(int64(most))) }
		}
		d := &device{w: w, room: room, token: bob.token, on: random(3*time.Hour, 12), off: random(time.Hour, 13)}
		var sent, secrets []string
		over := make(chan struct{})
		var running sync.WaitGroup
		running.Go(func() { w.streamTrouble(rand.New(rand.NewPCG(seed, 8)), over) })
		living, end := context.WithCancel(w.t.Context())
		running.Go(func() { d.run(living) })
		running.Go(func() { // bob's other client
			for living.Err() == nil {
				bob.sync(0, r.IntN(10) == 0)
				sleep(living, time.Duration(r.Int64N(int64(time.Hour))))
			}
		})
		write := rand.New(rand.NewPCG(seed, 9))
		for n := range 40 {
			time.Sleep(time.Duration(write.Int64N(int64(8 * time.Minute))))
			texts := 1
			if write.IntN(10) == 0 {
				texts += write.IntN(120)
			}
			for range texts {
				text := fmt.Sprintf("a%d", len(sent))
				require.True(t, alice.send(room, text, len(sent)))
				sent = append(sent, text)
			}
			if write.IntN(4) == 0 {
				secrets = append(secrets, fmt.Sprintf("k%d", n))
				alice.tell(bob, secrets[len(secrets)-1])
			}
		}
		close(over)
		for range 1000 {
			if d.told() >= len(sent) {
				break
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Hour) // whatever comes too often
		end()
		running.Wait()
		bob.sync(0, false)
		assert.Empty(t, d.compare(sent), "seed %d", seed)
		assert.Empty(t, d.wrong, "seed %d", seed)
		assert.Equal(t, secrets, bob.told, "seed %d", seed)
		assert.Greater(t, d.registered, 1, "seed %d", seed)
		for _, s := range d.seen {
			if s[0] == '+' {
				skipped++
			}
		}
	})
	return skipped
}

// streamTrouble restarts the server, and takes the link and the homeserver away, until it is
// over.
func (w *world) streamTrouble(r *rand.Rand, over <-chan struct{}) {
	wait := func(most time.Duration) bool {
		select {
		case <-over:
			return false
		case <-time.After(time.Duration(r.Int64N(int64(most)))):
			return true
		}
	}
	for wait(20 * time.Minute) {
		away, most := &w.linkAway, 30*time.Minute
		switch r.IntN(4) {
		case 0:
			w.restartServer(false)
			continue
		case 1:
			w.restartServer(true)
			continue
		case 2:
			away, most = &w.homeAway, 10*time.Minute
		}
		away.Store(true)
		wait(most)
		away.Store(false)
	}
}

// A server that is restarted with its store calls its devices up: they are told what happened
// meanwhile as soon as it is back, and not only when Max-Age is over.
func TestStreamIsCalledUp(t *testing.T) {
	for _, crash := range []bool{false, true} {
		cfg := linkemu.FromProfile(link.Default(), 5)
		cfg.Up.Loss, cfg.Down.Loss = 0, 0
		inWorld(t, options{profile: link.Default(), link: cfg, durable: true}, func(w *world) {
			alice, bob := w.newUser("alice", w.near()), w.newUser("bob", w.near())
			room := w.room(alice, bob)
			always := func() time.Duration { return 24 * time.Hour }
			d := &device{w: w, room: room, token: bob.token, on: always, off: always}
			living, end := context.WithCancel(w.t.Context())
			var running sync.WaitGroup
			running.Go(func() { d.run(living) })
			for n := range 5 {
				time.Sleep(time.Minute)
				require.True(t, alice.send(room, fmt.Sprint("before ", n), 2*n))
				time.Sleep(time.Minute)
				w.restartServer(crash)
				require.True(t, alice.send(room, fmt.Sprint("after ", n), 2*n+1))
				time.Sleep(time.Minute)
				assert.Equal(t, 2*n+2, d.told(), "crash %v", crash)
			}
			end()
			running.Wait()
		})
	}
}

// A device that logs in anew when it begins finds its place by the same mark: that belongs to
// its key, and not to its access token.
func TestStreamMarkOutlivesTheToken(t *testing.T) {
	cfg := linkemu.FromProfile(link.Default(), 5)
	cfg.Up.Loss, cfg.Down.Loss = 0, 0
	inWorld(t, options{profile: link.Default(), link: cfg}, func(w *world) {
		alice, bob := w.newUser("alice", w.near()), w.newUser("bob", w.near())
		room := w.room(alice, bob)
		d := &device{w: w, room: room, on: func() time.Duration { return 24 * time.Hour }}
		for n := range 3 {
			var login struct {
				AccessToken string `json:"access_token"`
			}
			bob.must("POST", "login", object{"type": "m.login.password", "identifier": object{"type": "m.id.user", "user": "bob"}, "password": people.Password}, &login)
			require.NotEqual(t, d.token, login.AccessToken)
			d.token = login.AccessToken
			require.True(t, alice.send(room, fmt.Sprint(n), n))
			session, off := context.WithCancel(w.t.Context())
			var running sync.WaitGroup
			running.Go(func() { d.session(session) })
			time.Sleep(time.Minute)
			off()
			running.Wait()
		}
		assert.Equal(t, []string{"0", "1", "2"}, d.seen)
		assert.Empty(t, d.wrong)
	})
}

// What a notification takes of the link is what docs/wire-v1.md says of it: the payload, 8
// bytes of CoAP, and 29 of DTLS; and its acknowledgement 4, and 29 and 3 for the Connection
// ID that this client sends.
func TestStreamCosts(t *testing.T) {
	cfg := linkemu.FromProfile(link.Default(), 5)
	cfg.Up.Loss, cfg.Down.Loss = 0, 0
	inWorld(t, options{profile: link.Default(), link: cfg}, func(w *world) {
		alice, bob := w.newUser("alice", w.near()), w.newUser("bob", w.near())
		room := w.room(alice, bob)
		always := func() time.Duration { return 24 * time.Hour }
		d := &device{w: w, room: room, token: bob.token, on: always, off: always}
		living, end := context.WithCancel(w.t.Context())
		var running sync.WaitGroup
		running.Go(func() { d.run(living) })
		time.Sleep(time.Minute)
		var mu sync.Mutex
		var sizes []int
		w.link.Tap(func(p linkemu.Packet) {
			mu.Lock()
			defer mu.Unlock()
			sizes = append(sizes, len(p.Payload))
		})
		for n := range 3 {
			require.True(t, alice.send(room, fmt.Sprint("text ", n), n))
			time.Sleep(time.Minute)
		}
		end()
		running.Wait()
		const payload = 1 + 6 + 2 + 1 + len("text 0") // a map, mark, key and head of the body
		const down, up = payload + 8 + 29, 4 + 29 + 3
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, []int{down, up, down, up, down, up}, sizes[:6])
		assert.Len(t, d.seen, 3)
	})
}
