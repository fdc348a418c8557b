package matrix

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/gateway"
)

// streamed is what a client of a room stream is told (docs/wire-v1.md), and when.
type streamed struct {
	t    *testing.T
	mark uint64
	told chan string
	// hold, when not nil, keeps acknowledgements back.
	mu   sync.Mutex
	hold chan struct{}
}

var streamText = regexp.MustCompile(`^\{-1: (\d+)(?:, (.*))?\}$`)

func (s *streamed) take(resp *endpoint.Response) error {
	payload, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.Code.Class() != 2 {
		s.told <- resp.Code.String()
		return nil
	}
	text, err := cborcodec.Diagnose(payload)
	m := streamText.FindStringSubmatch(text)
	if err != nil || m == nil {
		s.told <- "unreadable: " + text
		return nil
	}
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mark, err = strconv.ParseUint(m[1], 10, 32)
	if m[2] != "" {
		s.told <- m[2]
	}
	return err
}

func (s *streamed) expect(ctx context.Context, want string) {
	s.t.Helper()
	select {
	case got := <-s.told:
		require.Equal(s.t, want, got)
	case <-ctx.Done():
		require.FailNow(s.t, "nothing is told", "in place of %s", want)
	}
}

// TestRoomStream holds what a room stream promises with a real homeserver behind it: events
// of a room in order, those of a burst, those that came while the client was off, the number
// of those that are too many; to-device messages left to others; the end of it.
func TestRoomStream(t *testing.T) {
	ctx := scenarioContext(t)
	s := newScript(ctx, t, bed.homeserverURL, false, nil)
	device, writer := s.alice, s.bob
	room := s.newRoom(writer, "Lab")
	s.join(device, room)
	said := 0
	say := func(n int) {
		for range n {
			s.say(writer, room, "m.room.message", fmt.Sprintf(`{"msgtype":"m.text","body":"%d"}`, said))
			said++
		}
	}

	home, err := url.Parse(bed.homeserverURL)
	require.NoError(t, err)
	handler := gateway.NewServe(gateway.ServeOptions{Homeserver: home})
	defer handler.Close()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	serving, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- (&gateway.Station{Handler: handler, Profile: link.Default()}).Run(serving, pc) }()
	defer func() {
		stop()
		require.NoError(t, <-served)
	}()
	nc, err := net.Dial("udp", pc.LocalAddr().String())
	require.NoError(t, err)
	c := endpoint.New(nc, endpoint.Config{Profile: link.Default()})
	defer c.Wait()
	defer c.Close()
	observe := func(queries ...string) (*streamed, *endpoint.Observation) {
		told := &streamed{t: t, told: make(chan string, 1000)}
		opts := endpoint.Options{}.AddString(endpoint.URIPath, "~").AddString(endpoint.URIPath, room)
		for _, q := range queries {
			opts = opts.AddString(endpoint.URIQuery, q)
		}
		o, err := c.Observe(ctx, &endpoint.Request{Code: endpoint.GET, Options: opts.AddString(coap.OptionAccessToken, device.token)}, told.take)
		require.NoError(t, err)
		return told, o
	}
	expect := func(told *streamed, from, to int) {
		t.Helper()
		for n := from; n < to; n++ {
			told.expect(ctx, fmt.Sprintf(`6: %q, 27: "%d"`, writer.name, n))
		}
	}

	say(3)
	s.hears(device, said-1)
	told, o := observe("n=2")
	expect(told, 1, 3)
	for n := 3; n < 8; n++ {
		say(1)
		expect(told, n, n+1)
	}
	// More than an answer to /sync holds.
	told.mu.Lock()
	told.hold = make(chan struct{})
	told.mu.Unlock()
	say(50)
	close(told.hold)
	expect(told, 8, 58)

	// Another program with the same access token gets its to-device messages.
	s.ashore(writer, "PUT", v3+"/sendToDevice/m.test/1", fmt.Sprintf(`{"messages":{%q:{%q:{"secret":"for another program"}}}}`, device.id, device.device))
	say(3)
	expect(told, 58, 61)
	got := s.ashore(device, "GET", v3+"/sync?timeout=0", "")
	assert.Contains(t, fmt.Sprint(got["to_device"]), "for another program")

	// What came while the client was off; then more than is kept for it.
	require.NoError(t, o.Cancel(ctx))
	say(40)
	again, o := observe(fmt.Sprintf("s=%d", told.mark))
	expect(again, 61, 101)
	require.NoError(t, o.Cancel(ctx))
	say(150)
	s.hears(device, said-1)
	again, o = observe(fmt.Sprintf("s=%d", again.mark), "m=100")
	select {
	case gap := <-again.told:
		assert.Regexp(t, `^-2: 86, 1: h'[0-9a-f]{64}'$`, gap)
	case <-ctx.Done():
		require.FailNow(t, "no gap")
	}
	expect(again, 251-64, 251)

	// Thrown out, and back; logged out.
	s.ashore(writer, "POST", inRoom(room, "/kick"), fmt.Sprintf(`{"user_id":%q}`, device.id))
	again.expect(ctx, "4.03")
	<-o.Done()
	s.join(device, room)
	last, o := observe()
	s.ashore(device, "POST", v3+"/logout", "{}")
	last.expect(ctx, "4.01")
	<-o.Done()
}
