package integrity

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// First contact is one round trip and 44 bytes; each datagram grows by 13.
func TestFirstContact(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		began := time.Now()
		client, server := w.connect(clientConfig())
		defer client.Close()
		assert.Equal(t, 150*time.Millisecond, time.Since(began), "one round trip before the first datagram")
		carries(t, server, client, "answer")
		carries(t, client, server, "question")
		assert.Equal(t, []int{26, -18, 5 + 13, -(6 + 13), 8 + 13}, w.flights())
		assert.Equal(t, 13, client.Overhead())
		assert.Equal(t, "OE1XYZ-7", server.PeerIdentity())
		assert.Equal(t, clientAddress, server.RemoteAddr().String())
		assert.Equal(t, linkemu.FarAddr(), client.RemoteAddr())
		assert.Equal(t, 1, w.listener.Stats().Sessions)
		_, err := client.Write(nil)
		require.ErrorIs(t, err, ErrEmpty)
		_, err = client.Write(make([]byte, maxDatagram))
		require.ErrorIs(t, err, ErrTooLong)
	})
}

// Nothing on the air is hidden, and the key is not on it.
func TestEverythingIsReadable(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientConfig())
		defer client.Close()
		carries(t, server, client, "plain answer")
		var all []byte
		for _, p := range w.takeAir() {
			all = append(all, p.Payload...)
		}
		for _, text := range []string{"OE1XYZ-7", "hello", "plain answer"} {
			assert.Contains(t, string(all), text)
		}
		assert.NotContains(t, string(all), string(boat().Key[:4]))
	})
}

func TestLostHelloAndWelcome(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		lost := 0
		w.drop = func(b []byte) bool { lost++; return lost == 1 } // the first hello
		down := 0
		w.far.lose(func([]byte) bool { down++; return down == 1 }) // the first welcome
		client, server := w.connect(clientConfig())
		defer client.Close()
		carries(t, server, client, "answer")
		assert.Equal(t, 1, w.listener.Stats().Sessions)
		assert.Empty(t, w.listener.byCall["OE1XYZ-7"].pending)
	})
}

func TestNoAnswer(t *testing.T) {
	other := clientConfig()
	other.Station.Key = bytes.Repeat([]byte{8}, MinKey)
	stranger := clientConfig()
	stranger.Station.Call = "N0CALL"
	in(t, serverConfig(), func(t *testing.T, w *world) {
		for _, cfg := range []Config{other, stranger} {
			began := time.Now()
			_, err := w.dial(clientAddress, cfg)
			require.ErrorIs(t, err, ErrNoAnswer)
			assert.Equal(t, cfg.Profile.HandshakeTimeout, time.Since(began))
			for _, p := range w.takeAir() {
				assert.True(t, p.Up, "strangers get no answer")
			}
		}
		for _, st := range w.listener.byCall {
			assert.Empty(t, st.pending)
		}
		require.NoError(t, w.listener.Close())
		_, err := w.listener.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		w.listen()
	})
}

// Whatever was recorded and comes again, as it was or changed, changes nothing.
func TestReplayAndForgery(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientConfig())
		defer client.Close()
		carries(t, client, server, "pay 10")
		carries(t, server, client, "paid")
		recorded := w.takeAir()
		for _, p := range recorded {
			w.replay("203.0.113.9:9", p.Payload) // downward ones too: a reflection
			for i := range p.Payload {
				forged := bytes.Clone(p.Payload)
				forged[i] ^= 1
				w.replay("203.0.113.9:9", forged)
			}
		}
		silent(t, server)
		assert.Equal(t, clientAddress, server.RemoteAddr().String(), "a copy does not move the peer")
		for _, p := range recorded {
			for i := range p.Payload {
				forged := bytes.Clone(p.Payload)
				forged[i] ^= 0x80
				client.receive(forged, linkemu.FarAddr())
				client.checkReset(forged)
			}
			client.receive(p.Payload, linkemu.FarAddr())
		}
		silent(t, client)
		carries(t, client, server, "pay 20")
		assert.Equal(t, 1, w.listener.Stats().Sessions)
		assert.LessOrEqual(t, len(w.listener.byCall["OE1XYZ-7"].pending), 1, "the replayed hello")
		assert.Zero(t, w.listener.Stats().Resets)
	})
}

// A hello that was recorded makes the server hold four small offers at most, and never
// more than it is asked.
func TestReplayedHelloes(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		st := w.listener.byCall["OE1XYZ-7"]
		for i := range 100 {
			b := hello{nonce{byte(i)}, st.Call}.seal(st.keys.hello)
			w.replay("203.0.113.9:9", b)
		}
		up, down := 0, 0
		for _, p := range w.takeAir() {
			if p.Up {
				up += len(p.Payload)
			} else {
				down += len(p.Payload)
			}
		}
		assert.Less(t, down, up)
		assert.Len(t, st.pending, maxPending)
		client, server := w.connect(clientConfig())
		defer client.Close()
		carries(t, server, client, "answer")
		assert.Empty(t, st.pending, "older offers are void")
	})
}

// The first record of an offer that was given up, arriving late, does not end the
// session that came after it.
func TestLateFirstRecord(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		given := false
		w.drop = func(b []byte) bool { return given && isSession(b[0]) }
		old, err := w.dial(clientAddress, clientConfig())
		require.NoError(t, err)
		given = true
		_, err = old.Write([]byte("late"))
		require.NoError(t, err)
		late := record{old.secrets.session, 1, []byte("late")}.seal(old.secrets.keys.up)
		require.NoError(t, old.Suspend())
		given = false
		client, server := w.connect(clientConfig())
		defer client.Close()
		w.replay(clientAddress, late)
		silent(t, server)
		assert.Equal(t, 1, w.listener.Stats().Sessions)
	})
}

// A station that says hello again has one session: the new one.
func TestReplaced(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		old, oldServer := w.connect(clientConfig())
		client, server := w.connect(clientConfig())
		_, err := oldServer.Read(make([]byte, 100))
		require.ErrorIs(t, err, io.EOF)
		carries(t, client, server, "new")
		require.NoError(t, oldServer.Close())
		require.NoError(t, old.Close())
		carries(t, client, server, "still there")
		require.NoError(t, client.Close())
		_, err = server.Read(make([]byte, 100))
		require.ErrorIs(t, err, io.EOF)
		synctest.Wait()
		assert.Zero(t, w.listener.Stats().Sessions)
	})
}

// The newest authentic record says where the station is.
func TestMigration(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientConfig())
		defer client.Close()
		older := record{client.secrets.session, 1, []byte("older")}.seal(client.secrets.keys.up)
		newer := record{client.secrets.session, 2, []byte("newer")}.seal(client.secrets.keys.up)
		w.replay("203.0.113.9:9", newer)
		assert.Equal(t, "203.0.113.9:9", server.RemoteAddr().String())
		w.replay("203.0.113.10:9", older)
		assert.Equal(t, "203.0.113.9:9", server.RemoteAddr().String())
		assert.Equal(t, "newer", hear(t, server))
		assert.Equal(t, "older", hear(t, server))
	})
}

// A server that lost the session says so in one exchange, and only it can.
func TestReset(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		client, _ := w.connect(clientConfig())
		forged := sealReset(record{client.secrets.session, 0, nil}, make([]byte, tagSize), client.resetKey)
		client.checkReset(forged)
		w.restart(true)
		w.takeAir()
		_, err := client.Write([]byte("anybody there?"))
		require.NoError(t, err)
		_, err = client.Read(make([]byte, 100))
		require.ErrorIs(t, err, ErrReset)
		assert.Equal(t, []int{14 + 13, -14}, w.flights())
		_, err = client.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
		client, server := w.connect(clientConfig())
		defer client.Close()
		carries(t, server, client, "here")

		for range 100 {
			w.listener.deliver(bytes.Repeat([]byte{w.listener.byCall["DL0ABC"].number}, 30), address(clientAddress))
		}
		assert.EqualValues(t, 1+resetsPerSecond, w.listener.Stats().Resets, "resets are rare")
	})
}

func TestDeadlines(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		client, _ := w.connect(clientConfig())
		defer client.Close()
		require.NoError(t, client.SetDeadline(time.Now().Add(time.Second)))
		_, err := client.Read(make([]byte, 10))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		_, err = client.Write([]byte("x"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, client.SetDeadline(time.Time{}))
		_, err = client.Write([]byte("x"))
		require.NoError(t, err)
	})
}

// What nobody reads is bounded.
func TestOverflow(t *testing.T) {
	in(t, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientConfig())
		defer client.Close()
		for range 3 * inboxDatagrams {
			_, err := client.Write(make([]byte, 1000))
			require.NoError(t, err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		assert.LessOrEqual(t, len(server.in.queue), inboxDatagrams)
		assert.LessOrEqual(t, server.in.bytes, inboxBytes)
		_, err := server.Read(make([]byte, 10))
		require.ErrorIs(t, err, io.ErrShortBuffer)
	})
}
