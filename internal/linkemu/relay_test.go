package linkemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

// connected is a Conn with one peer.
type connected struct {
	*Conn
	peer net.Addr
}

func (c connected) Read(b []byte) (int, error) {
	n, _, err := c.ReadFrom(b)
	return n, err
}
func (c connected) Write(b []byte) (int, error) { return c.WriteTo(b, c.peer) }
func (c connected) RemoteAddr() net.Addr        { return c.peer }

// scene is a relay between a network of clients and one of the target, both
// perfect, in virtual time.
type scene struct {
	relay   *Relay
	clients *Link
	target  *Conn
	dials   int
	seen    []string // by the target: address and text
}

func inScene(t *testing.T, cfg Config, change func(*scene), f func(t *testing.T, s *scene)) (result error) {
	synctest.Test(t, func(t *testing.T) {
		emulated, clients, targets := New(cfg), New(Config{}), New(Config{})
		defer emulated.Close()
		defer clients.Close()
		s := &scene{clients: clients, target: targets.Listen()}
		s.relay = &Relay{Link: emulated, Dial: func(context.Context) (net.Conn, error) {
			s.dials++
			return connected{targets.Dial(&net.UDPAddr{IP: net.IPv4(203, 0, 113, 1), Port: 1000 + s.dials}), FarAddr()}, nil
		}}
		if change != nil {
			change(s)
		}
		echoed := make(chan struct{})
		go func() {
			defer close(echoed)
			_ = eachDatagram(s.target.ReadFrom, func(b []byte, from net.Addr) error {
				s.seen = append(s.seen, fmt.Sprint(from.(*net.UDPAddr).Port, " ", string(b)))
				_, err := s.target.WriteTo(append([]byte("re "), b...), from)
				return err
			})
		}()
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- s.relay.Serve(ctx, clients.Listen()) }()
		synctest.Wait()
		f(t, s)
		stop()
		result = <-served
		require.NoError(t, targets.Close())
		<-echoed
	})
	return result
}

// ask sends a text and returns the answer and when it came.
func (s *scene) ask(t *testing.T, c *Conn, text string) (answer string, after time.Duration) {
	t.Helper()
	start := time.Now()
	_, err := c.WriteTo([]byte(text), FarAddr())
	require.NoError(t, err)
	b, _, after := receive(t, c, start)
	return string(b), after
}

// TestRelay asks through a link of 300 bit/s that turns in 1.5 s.
func TestRelay(t *testing.T) {
	p, _ := link.ByName("hf-vara500")
	cfg := FromProfile(p, 1)
	cfg.Up.Burst, cfg.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
	err := inScene(t, cfg, nil, func(t *testing.T, s *scene) {
		one, two := s.clients.Dial(client(1)), s.clients.Dial(client(2))
		answer, after := s.ask(t, one, "one")
		assert.Equal(t, "re one", answer)
		assert.InDelta(t, (p.Airtime(3, true) + p.Airtime(6, false) + 2*p.OneWayDelay + p.Turnaround + p.Preamble).Seconds(), after.Seconds(), 1e-6)
		answer, _ = s.ask(t, two, "two")
		assert.Equal(t, "re two", answer)
		answer, _ = s.ask(t, one, "again")
		assert.Equal(t, "re again", answer)
		assert.Equal(t, []string{"1001 one", "1002 two", "1001 again"}, s.seen, "a socket for each client")
		assert.Equal(t, 2, s.relay.Clients())

		require.NoError(t, s.relay.Rebind(t.Context()))
		answer, _ = s.ask(t, one, "moved")
		assert.Equal(t, "re moved", answer)
		assert.Len(t, s.seen, 4)
		assert.NotContains(t, []string{"1001 moved", "1002 moved"}, s.seen[3])

		_, err := one.WriteTo(make([]byte, p.MTU+1), FarAddr())
		require.NoError(t, err)
		synctest.Wait()
		assert.EqualValues(t, 1, s.relay.Link.Stats().Up.Violations)
	})
	require.NoError(t, err)
}

// TestRelayClientsAreBounded: the client silent for longest gives way.
func TestRelayClientsAreBounded(t *testing.T) {
	err := inScene(t, Config{}, func(s *scene) { s.relay.MaxClients = 2 }, func(t *testing.T, s *scene) {
		var conns []*Conn
		for n := range 3 {
			conns = append(conns, s.clients.Dial(client(n)))
		}
		for _, n := range []int{0, 1, 0, 2, 0, 1} { // 2 replaces 1, then 1 replaces 2
			answer, _ := s.ask(t, conns[n], fmt.Sprint(n))
			assert.Equal(t, fmt.Sprint("re ", n), answer)
			assert.LessOrEqual(t, s.relay.Clients(), 2)
			time.Sleep(time.Second)
		}
		assert.Equal(t, []string{"1001 0", "1002 1", "1001 0", "1003 2", "1001 0", "1004 1"}, s.seen)
	})
	require.NoError(t, err)
}

// TestRelayErrors: no socket to the target, and no room for the capture.
func TestRelayErrors(t *testing.T) {
	failure := errors.New("failure")
	for name, change := range map[string]func(*scene){
		"dial":    func(s *scene) { s.relay.Dial = func(context.Context) (net.Conn, error) { return nil, failure } },
		"capture": func(s *scene) { s.relay.Capture = &Capture{w: failing{failure}} },
	} {
		t.Run(name, func(t *testing.T) {
			err := inScene(t, Config{}, change, func(t *testing.T, s *scene) {
				_, err := s.clients.Dial(client(1)).WriteTo([]byte("x"), FarAddr())
				require.NoError(t, err)
				synctest.Wait()
			})
			require.ErrorIs(t, err, failure)
		})
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// recorded is a connection that has each datagram looked for before it is sent.
type recorded struct {
	net.Conn
	look func([]byte)
}

// Write implements net.Conn.
func (r recorded) Write(b []byte) (int, error) {
	r.look(b)
	return r.Conn.Write(b)
}

// TestRelayCapture: what leaves the link is recorded when it does, and before anybody can
// answer it.
func TestRelayCapture(t *testing.T) {
	var file bytes.Buffer
	capture, err := NewCapture(&file)
	require.NoError(t, err)
	equip := func(s *scene) {
		s.relay.Capture = capture
		dial := s.relay.Dial
		s.relay.Dial = func(ctx context.Context) (net.Conn, error) {
			out, err := dial(ctx)
			return recorded{out, func(b []byte) { assert.True(t, bytes.HasSuffix(file.Bytes(), b), "sent before it was recorded") }}, err
		}
	}
	err = inScene(t, Config{Up: Direction{Delay: 2 * time.Second}}, equip, func(t *testing.T, s *scene) {
		s.ask(t, s.clients.Dial(client(1)), "hello")
	})
	require.NoError(t, err)
	// In virtual time it is midnight, 1 January 2000.
	packets := tshark(t, file.Bytes(), "-e", "frame.time_epoch", "-e", "ip.src", "-e", "udp.srcport", "-e", "ip.dst", "-e", "udp.dstport", "-e", "data.data")
	assert.Equal(t, []string{
		"946684802.000000000,198.51.100.1,40000,192.0.2.1,5684,68656c6c6f",
		"946684802.000000000,192.0.2.1,5684,198.51.100.1,40000,72652068656c6c6f",
	}, packets)
}
