package dtls

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/race"
)

// A client's address changes in the middle of a session, also to another address
// family, and another client gets the old one.
func TestMigration(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		socket := w.net.socket(clientAddress)
		client, err := Dial(t.Context(), socket, addr(serverAddress), clientConfig())
		require.NoError(t, err)
		w.clients = append(w.clients, client)
		server := w.accept()

		for i, address := range []string{"198.51.100.7:40001", "203.0.113.80:1024", "[2001:db8::1]:4"} {
			socket.move(address)
			carries(t, client, server, fmt.Sprint("up ", i))
			assert.Equal(t, address, server.RemoteAddr().String())
			carries(t, server, client, fmt.Sprint("down ", i))
		}
		_, other := w.connect(clientAddress, clientConfig())
		carries(t, client, server, "still here")
		carries(t, server, client, "so am I")
		assert.Equal(t, 2, w.listener.Stats().Sessions)
		require.NoError(t, other.Close())
	})
}

// An old record that is replayed from elsewhere moves nothing (RFC 9146 §6).
func TestReplayDoesNotMigrate(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		w.net.sentLog()
		carries(t, client, server, "one")
		d := w.net.sentLog()[0]
		d.from = "203.0.113.66:666"
		w.net.send(d)
		d.data = append([]byte(nil), d.data...)
		d.data[len(d.data)-1] ^= 1
		d.data[10]++ // a newer number, not authentic
		w.net.send(d)
		time.Sleep(time.Second)
		assert.Equal(t, clientAddress, server.RemoteAddr().String())
		carries(t, server, client, "two")
	})
}

// A record that somebody holds back, and sends from elsewhere once newer ones have come, is
// taken and moves nothing: only the newest does (RFC 9146 §6).
func TestLateRecordDoesNotMigrate(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		var held sent
		w.net.setFilter(func(d sent) bool {
			if d.to != serverAddress || held.data != nil {
				return true
			}
			held = d
			return false
		})
		_, err := client.Write([]byte("held back"))
		require.NoError(t, err)
		carries(t, client, server, "newer")
		held.from = "203.0.113.66:666"
		w.net.send(held)
		got := make([]byte, 100)
		n, err := server.Read(got)
		require.NoError(t, err)
		assert.Equal(t, "held back", string(got[:n]))
		assert.Equal(t, clientAddress, server.RemoteAddr().String())
		carries(t, server, client, "still here")
	})
}

func TestSetPeer(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		w.listener.pc.(*socket).move("192.0.2.50:5684")
		client.SetPeer(addr("192.0.2.50:5684"))
		carries(t, client, server, "found you")
		carries(t, server, client, "so you did")
	})
}

// A client in another network goes on over another socket, while others write.
func TestMove(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		carries(t, client, server, "here")
		old := client.below.(*clientLink).pc
		stop, writing := make(chan struct{}), make(chan error, 1)
		go func() {
			for {
				select {
				case <-stop:
					writing <- nil
					return
				default:
				}
				if _, err := client.Write([]byte("on the move")); err != nil {
					writing <- err
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		const elsewhere = "198.51.100.9:40000"
		for range 10 {
			time.Sleep(10 * time.Millisecond)
			require.NoError(t, client.Move(w.net.socket(elsewhere), addr(serverAddress)))
			time.Sleep(10 * time.Millisecond)
			require.NoError(t, client.Move(w.net.socket(clientAddress), addr(serverAddress)))
		}
		require.NoError(t, client.Move(w.net.socket(elsewhere), addr(serverAddress)))
		close(stop)
		require.NoError(t, <-writing)
		_, err := old.WriteTo([]byte("x"), addr(serverAddress))
		require.ErrorIs(t, err, net.ErrClosed, "the socket before is closed")
		time.Sleep(time.Second)
		for server.in.drain() != nil {
		}
		carries(t, client, server, "there")
		carries(t, server, client, "welcome there")
		assert.Equal(t, elsewhere, server.RemoteAddr().String())

		require.NoError(t, client.Close())
		late := w.net.socket("198.51.100.9:40001")
		require.ErrorIs(t, client.Move(late, addr(serverAddress)), net.ErrClosed)
		_, err = late.WriteTo([]byte("x"), addr(serverAddress))
		require.ErrorIs(t, err, net.ErrClosed, "what cannot be used is closed")
		require.Error(t, server.Move(w.net.socket("198.51.100.9:40002"), addr(clientAddress)))
	})
}

// A client that rebooted uses the same address and port again.
func TestRebootOnSameAddress(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		_, old := w.connect(clientAddress, clientConfig())
		for range 3 {
			client, server := w.connect(clientAddress, clientConfig())
			carries(t, client, server, "back")
			carries(t, server, client, "welcome")
			_, err := old.Read(make([]byte, 10))
			assert.Error(t, err, "the session it replaces ends")
			assert.Equal(t, 1, w.listener.Stats().Sessions)
			old = server
		}
	})
}

// A ClientHello alone, which anyone can send from any address, ends no session.
func TestSpoofedClientHelloDoesNotReplace(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		hello := w.net.sentLog()[0]
		hello.data = append([]byte(nil), hello.data...)
		hello.data[recordHeader+handshakeHeader+10] ^= 0xff // another random
		w.net.send(hello)
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, 1, w.listener.Stats().HalfOpen)
		carries(t, client, server, "up")
		carries(t, server, client, "down")
		time.Sleep(w.listener.cfg.Slowest.HandshakeTimeout)
		assert.Equal(t, 0, w.listener.Stats().HalfOpen)
		carries(t, client, server, "up")
	})
}

// flood sends n ClientHellos from as many addresses, none of which answers.
func (w *world) flood(n int) {
	w.t.Helper()
	w.net.sentLog()
	c, _ := w.connect("203.0.113.1:1", clientConfig())
	hello := w.net.sentLog()[0].data
	for i := range n {
		b := append([]byte(nil), hello...)
		b[recordHeader+handshakeHeader+10] = byte(i)
		b[recordHeader+handshakeHeader+11] = byte(i >> 8)
		w.net.send(sent{from: fmt.Sprintf("203.0.113.%d:%d", i%250+1, 2000+i), to: serverAddress, data: b})
	}
	require.NoError(w.t, c.Close())
	time.Sleep(time.Second)
}

func TestStalledHandshakes(t *testing.T) {
	race.OneProcessor(t)
	cfg := serverConfig()
	cfg.MaxHalfOpen = 50
	n := 500
	if race.Detector { // see TestFlood
		n = 100
	}
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		w.flood(n)
		s := w.listener.Stats()
		assert.Equal(t, 50, s.HalfOpen)
		assert.EqualValues(t, n-50, s.Evicted)

		w.net.sentLog()
		start := time.Now()
		client, server := w.connect(clientAddress, clientConfig())
		assert.Less(t, time.Since(start), time.Second, "the stalled ones block nobody")
		assert.Len(t, w.net.sentLog(), 6, "with a cookie, as there are many")
		carries(t, client, server, "hello")

		time.Sleep(w.listener.cfg.Slowest.HandshakeTimeout)
		assert.Zero(t, w.listener.Stats().HalfOpen)
		assert.Equal(t, 1, w.listener.Stats().Sessions)
	})
}

// To an unproven address a server sends its flight once, and no more than about
// twice what came in; under load less than what came in.
func TestAmplification(t *testing.T) {
	for _, tc := range []struct {
		name       string
		cookieless int
		factor     float64
	}{{"quiet", 0, 2}, {"loaded", -1, 1}} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := serverConfig()
			cfg.MaxCookieless = tc.cookieless
			in(t, time.Millisecond, cfg, func(t *testing.T, w *world) {
				w.flood(1)
				w.net.sentLog()
				w.flood(20)
				time.Sleep(5 * time.Minute)
				up, down := 0, 0
				for _, d := range w.net.sentLog() {
					switch {
					case d.from != serverAddress && d.from != "203.0.113.1:1":
						up += len(d.data)
					case d.to != "203.0.113.1:1":
						down += len(d.data)
					}
				}
				require.NotZero(t, up)
				require.NotZero(t, down)
				assert.LessOrEqual(t, float64(down)/float64(up), tc.factor)
			})
		})
	}
}

func TestGarbageDisturbsNobody(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		log := w.net.sentLog()
		carries(t, client, server, "one")
		log = append(log, w.net.sentLog()...)

		r := rand.New(rand.NewPCG(1, 2))
		junk := func(b []byte) {
			for _, from := range []string{clientAddress, "203.0.113.9:9"} {
				w.net.send(sent{from: from, to: serverAddress, data: b})
			}
			w.net.send(sent{from: serverAddress, to: clientAddress, data: b})
		}
		for range 2000 {
			b := make([]byte, r.IntN(100))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			junk(b)
			// Records that were sent, cut and changed.
			d := append([]byte(nil), log[r.IntN(len(log))].data...)
			d = d[:1+r.IntN(len(d))]
			d[r.IntN(len(d))] ^= byte(r.Uint32())
			junk(d)
		}
		for typ := byte(19); typ < 27; typ++ { // each content type, unprotected
			for n := range 4 {
				junk(append([]byte{typ, 0xfe, 0xfd, 0, 0, 1, 0, 0, typ, byte(n), 0, 0, byte(n)}[:13], make([]byte, n)...))
			}
		}
		time.Sleep(w.listener.cfg.Slowest.HandshakeTimeout)
		carries(t, client, server, "two")
		carries(t, server, client, "three")
		s := w.listener.Stats()
		assert.Equal(t, 1, s.Sessions)
		assert.Zero(t, s.HalfOpen)
		assert.NotZero(t, s.Malformed)
		assert.NotZero(t, s.Unrouted)
		other, otherServer := w.connect("198.51.100.8:40000", clientConfig())
		carries(t, other, otherServer, "newcomer")
	})
}

// Ten thousand changes of address leave nothing behind.
func TestAddressChangesLeakNothing(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		socket := w.net.socket(clientAddress)
		client, err := Dial(t.Context(), socket, addr(serverAddress), clientConfig())
		require.NoError(t, err)
		w.clients = append(w.clients, client)
		server := w.accept()
		for i := range 10_000 {
			socket.move(fmt.Sprintf("203.0.113.%d:%d", i%250+1, 1000+i))
			_, err := client.Write([]byte("x"))
			require.NoError(t, err)
			_, err = server.Read(make([]byte, 1))
			require.NoError(t, err)
		}
		assert.Len(t, w.listener.bySite, 1)
		assert.Len(t, w.listener.byCID, 1)
	})
}

// A client that has proven its address by a cookie keeps its place against a
// ClientHello that anyone can have sent.
func TestCookieKeepsItsPlace(t *testing.T) {
	cfg := serverConfig()
	cfg.MaxCookieless = -1
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		w.net.setFilter(func(d sent) bool {
			if d.from == serverAddress && len(d.data) > 100 { // the ServerHello
				go w.spoofHello(clientAddress)
			}
			return true
		})
		client, server := w.connect(clientAddress, clientConfig())
		carries(t, client, server, "hello")
		assert.Equal(t, uint64(1), w.listener.Stats().Refused)
	})
}

// Handshakes whose clients have returned a cookie never give way to those that begin.
func TestCookiesKeepTheirPlaces(t *testing.T) {
	const real = 3
	cfg := serverConfig()
	cfg.MaxCookieless, cfg.MaxHalfOpen = -1, real
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		w.net.setFilter(func(d sent) bool { return d.from != serverAddress || len(d.data) < 100 }) // no ServerHello
		dialled := make(chan *Conn, real)
		for i := range real {
			go func() {
				c, err := w.dial(fmt.Sprintf("198.51.100.%d:5", i+1), clientConfig())
				assert.NoError(t, err)
				dialled <- c
			}()
		}
		time.Sleep(time.Second)
		for n := range 50 {
			w.spoof(n, fmt.Sprintf("203.0.113.%d:1", n+1))
		}
		time.Sleep(time.Second)
		s := w.listener.Stats()
		assert.Zero(t, s.Evicted)
		assert.EqualValues(t, 50, s.Refused)
		assert.Equal(t, real, s.HalfOpen)
		w.net.setFilter(nil)
		for range real {
			w.accept()
			w.clients = append(w.clients, <-dialled)
		}
		assert.Equal(t, real, w.listener.Stats().Sessions)
	})
}

// spoofHello sends a ClientHello of somebody else from an address.
func (w *world) spoofHello(from string) {
	b := helloRecord()
	b[recordHeader+handshakeHeader+20] = 1
	w.net.send(sent{from: from, to: serverAddress, data: b})
}
