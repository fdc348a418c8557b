package mobile

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/conformance/ashore"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/conformance/people"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// world is a homeserver and a serve at the far end of an emulated link, and the sockets of an
// app at this end.
type world struct {
	t    *testing.T
	link *linkemu.Link
	hs   *fakehs.Server
	line string
	// front stands before the homeserver; nil for nothing. asked counts what comes to it.
	front func(http.ResponseWriter, *http.Request) (done bool)
	asked sync.Map // path to *atomic.Int64
	// up and down are of the link, handshakes the datagrams of either direction that have
	// something of one.
	up, down   traffic
	handshakes atomic.Int64

	mu      sync.Mutex
	sockets []*socket
}

// traffic counts datagrams and the bytes of whole IPv4 packets.
type traffic struct{ datagrams, bytes atomic.Int64 }

// headers are those of IPv4 and UDP.
const headers = 28

func newWorld(t *testing.T) *world {
	t.Helper()
	way := linkemu.Direction{Delay: 20 * time.Millisecond}
	return newWorldOf(t, linkemu.Config{Up: way, Down: way})
}

func newWorldOf(t *testing.T, cfg linkemu.Config) *world {
	t.Helper()
	w := &world{t: t, link: linkemu.New(cfg), hs: fakehs.New(fakehs.Config{ServerName: "ship.example", Seed: 1})}
	w.link.Tap(func(p linkemu.Packet) {
		way := &w.down
		if p.Up {
			way = &w.up
		}
		way.datagrams.Add(1)
		way.bytes.Add(int64(len(p.Payload) + headers))
		if b := p.Payload; len(b) > 0 && (b[0] == 20 || b[0] == 22) { // RFC 5246 §6.2.1
			w.handshakes.Add(1)
		}
	})
	t.Cleanup(func() { assert.NoError(t, w.link.Close()) })
	w.line = runServe(t, w.link.Listen(), "192.0.2.1", w)
	return w
}

// format is what the server knows of wire version 2; reading it takes a while.
var format = sync.OnceValues(func() (*wire2.Format, error) { return wire2.Shipped(1) })

// TestMain reads it outside of any bubble of virtual time, for it holds channels.
func TestMain(m *testing.M) {
	if _, err := format(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// runServe serves homeserver on pc until the test ends, and returns the pairing line for its
// address.
func runServe(t *testing.T, pc net.PacketConn, address string, homeserver http.Handler) string {
	t.Helper()
	format, err := format()
	require.NoError(t, err)
	far, err := ashore.Open(ashore.Options{
		Homeserver: inMemory, Name: "ship.example", Via: inprocess.Transport{Handler: homeserver},
		Socket: pc, Address: address, Format: format,
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, far.Close()) })
	return far.Pairing
}

// inMemory is the URL of a homeserver that has no address.
const inMemory = "http://homeserver.invalid"

// ServeHTTP is the homeserver.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	count, _ := w.asked.LoadOrStore(r.URL.Path, new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
	if w.front != nil && w.front(rw, r) {
		return
	}
	w.hs.ServeHTTP(rw, r)
}

// came tells how many requests of that path came to the homeserver.
func (w *world) came(path string) int64 {
	count, ok := w.asked.Load(path)
	if !ok {
		return 0
	}
	return count.(*atomic.Int64).Load()
}

// socket is one of the app's. The far end has the address of the pairing on it.
type socket struct {
	net.PacketConn
	w      *world
	number int
	closed atomic.Bool
	// away: the network that it is in is gone.
	away atomic.Bool
	sent atomic.Int64
}

// open makes a socket from an address of its own.
func (w *world) open() (net.PacketConn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.sockets)
	from := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + n)}), 40_000))
	s := &socket{PacketConn: w.link.Dial(from), w: w, number: n}
	w.sockets = append(w.sockets, s)
	return s, nil
}

// WriteTo implements net.PacketConn.
func (s *socket) WriteTo(b []byte, _ net.Addr) (int, error) {
	s.sent.Add(1)
	if s.away.Load() {
		return len(b), nil
	}
	return s.PacketConn.WriteTo(b, linkemu.FarAddr())
}

// ReadFrom implements net.PacketConn.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, _, err := s.PacketConn.ReadFrom(b)
		if err == nil && s.away.Load() {
			continue
		}
		return n, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5684}, err
	}
}

// Close implements net.PacketConn.
func (s *socket) Close() error {
	s.closed.Store(true)
	return s.PacketConn.Close()
}

// last is the socket that was opened last.
func (w *world) last() *socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sockets[len(w.sockets)-1]
}

// openSockets counts those that are not closed.
func (w *world) openSockets() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sockets {
		if !s.closed.Load() {
			n++
		}
	}
	return n
}

// config is one whose sockets lead into the world; dir "" for no state.
func (w *world) config(dir string) *Config {
	c := NewConfig()
	c.StateDir, c.socket = dir, w.open
	return c
}

// gateway opens one, which is closed when the test ends.
func (w *world) gateway(dir string) *Gateway {
	w.t.Helper()
	g, err := Open(w.line, w.config(dir))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { assert.NoError(w.t, g.Close()) })
	return g
}

type object = map[string]any

// ask makes a request and returns its status, and its body in to.
func ask(t *testing.T, g *Gateway, method, path, token string, body object, to any) int64 {
	t.Helper()
	resp, err := g.Request(newRequest(method, path, token, body))
	require.NoError(t, err, path)
	if to != nil {
		require.NoError(t, json.Unmarshal(resp.Body(), to), "%s", resp.Body())
	}
	return resp.Status
}

func newRequest(method, path, token string, body object) *Request {
	r := NewRequest(method, "/_matrix/client/v3/"+path)
	r.SetToken(token)
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		r.SetBody(b)
	}
	return r
}

// near makes a request of somebody who needs no link, which has to succeed.
func (w *world) near(method, path, token string, body object, to any) {
	w.t.Helper()
	p := people.Person{Token: token, Base: inMemory, Via: inprocess.Transport{Handler: w.hs}}
	require.NoError(w.t, p.Do(w.t.Context(), method, path, body, to))
}

// person has an account.
type person struct{ id, token string }

func (w *world) person(name string) person {
	w.t.Helper()
	p, err := people.SignUp(w.t.Context(), inMemory, inprocess.Transport{Handler: w.hs}, name)
	require.NoError(w.t, err)
	return person{p.ID, p.Token}
}

// room makes one of both.
func (w *world) room(a, b person) string {
	w.t.Helper()
	var got struct {
		RoomID string `json:"room_id"`
	}
	w.near("POST", "createRoom", a.token, object{"preset": "private_chat", "invite": []string{b.id}}, &got)
	w.near("POST", "rooms/"+url.PathEscape(got.RoomID)+"/join", b.token, object{}, nil)
	return got.RoomID
}

func sendPath(room, txn string) string {
	return "rooms/" + url.PathEscape(room) + "/send/m.room.message/" + txn
}

func text(s string) object { return object{"msgtype": "m.text", "body": s} }

// say sends a text, and a secret to the device of the other, without the link.
func (w *world) say(from, to person, room string, n int) {
	w.t.Helper()
	w.near("PUT", fmt.Sprintf("sendToDevice/m.test/d%d", n), from.token, object{"messages": object{to.id: object{"DEVICE": object{"text": fmt.Sprint("secret ", n)}}}}, nil)
	w.near("PUT", sendPath(room, fmt.Sprint("t", n)), from.token, text(fmt.Sprint("text ", n)), nil)
}

// reader is a Matrix client that only syncs.
type reader struct {
	person
	filter       string
	since        string
	texts, tells []string
}

// sync polls once, and takes what came.
func (p *reader) sync(g *Gateway, timeoutMillis int) (*Response, error) {
	query := fmt.Sprintf("sync?timeout=%d%s", timeoutMillis, p.filter)
	if p.since != "" {
		query += "&since=" + url.QueryEscape(p.since)
	}
	resp, err := g.Request(newRequest("GET", query, p.token, nil))
	if err != nil || resp.Status != http.StatusOK {
		return resp, err
	}
	var got struct {
		Next  string `json:"next_batch"`
		Rooms struct {
			Join map[string]struct {
				Timeline struct {
					Events []struct {
						Type, Sender string
						Content      struct{ Body string }
					}
				}
			}
		}
		ToDevice struct {
			Events []struct{ Content struct{ Text string } }
		} `json:"to_device"`
	}
	if err := json.Unmarshal(resp.Body(), &got); err != nil {
		return resp, err
	}
	for _, room := range got.Rooms.Join {
		for _, e := range room.Timeline.Events {
			if e.Type == "m.room.message" && e.Sender != p.id {
				p.texts = append(p.texts, e.Content.Body)
			}
		}
	}
	for _, e := range got.ToDevice.Events {
		p.tells = append(p.tells, e.Content.Text)
	}
	p.since = got.Next
	return resp, nil
}

// outcome is what a request came to.
type outcome struct {
	resp *Response
	err  error
}

// begin makes a request beside the test, and returns once it waits for the homeserver or has
// ended.
func begin(g *Gateway, r *Request) <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		resp, err := g.Request(r)
		ended <- outcome{resp, err}
	}()
	synctest.Wait()
	return ended
}
