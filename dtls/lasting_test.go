package dtls

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lasting returns configurations of both sides with stores of their own.
func lasting() (server, client Config) {
	server, client = serverConfig(), clientConfig()
	server.Store, client.Store = &disk{}, &disk{}
	client.SessionName = "home"
	return server, client
}

// restart starts a new listener on the server's address. After a crash the old
// one has said and stored nothing.
func (w *world) restart(cfg Config, crash bool) {
	w.t.Helper()
	if crash {
		w.kill()
	} else {
		require.NoError(w.t, w.listener.Close())
	}
	l, err := Listen(w.net.socket(serverAddress), cfg)
	require.NoError(w.t, err)
	w.listener = l
}

// kill takes the listener away as kill -9 does: nothing that it does from now on
// is durable or reaches the network.
func (w *world) kill() {
	w.t.Helper()
	s := w.listener.pc.(*socket)
	s.failSends(errors.New("the process is dead"))
	if w.listener.cfg.Store != nil {
		dead := w.listener.cfg.Store.(*disk)
		dead.off.Store(true)
		defer dead.off.Store(false)
	}
	require.NoError(w.t, w.listener.Close())
}

// leave takes a client away without a word.
func (w *world) leave(c *Conn) {
	w.t.Helper()
	require.NoError(w.t, c.Suspend())
}

func (w *world) resume(from string, cfg Config) *Conn {
	w.t.Helper()
	c, err := Resume(w.net.socket(from), addr(serverAddress), cfg)
	require.NoError(w.t, err)
	w.clients = append(w.clients, c)
	return c
}

// say sends a datagram to the server and returns the session on which it came.
func (w *world) say(c *Conn, text string) *Conn {
	w.t.Helper()
	_, err := c.Write([]byte(text))
	require.NoError(w.t, err)
	s := w.accept()
	buf := make([]byte, 100)
	n, err := s.Read(buf)
	require.NoError(w.t, err)
	require.Equal(w.t, text, string(buf[:n]))
	return s
}

// Either side, or both, stop or crash and go on with the next message: not a byte
// and not a round trip is spent on it.
func TestSessionOutlivesRestarts(t *testing.T) {
	for _, crash := range []bool{false, true} {
		for _, tc := range []struct {
			name           string
			server, client bool
		}{{"server", true, false}, {"client", false, true}, {"both", true, true}} {
			t.Run(fmt.Sprint(tc.name, " crash ", crash), func(t *testing.T) {
				server, cfg := lasting()
				in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
					client, s := w.connect(clientAddress, cfg)
					carries(t, client, s, "before")
					require.NoError(t, s.Mark())
					require.NoError(t, s.SaveState([]byte("slots")))
					w.net.sentLog()
					for round := range 3 {
						if tc.client {
							w.leave(client)
							client = w.resume(fmt.Sprintf("203.0.113.%d:1", round+1), cfg)
							assert.EqualValues(t, round+1, client.Incarnation())
						}
						if tc.server {
							w.restart(server, crash)
							assert.Equal(t, 1, w.listener.Stats().Stored)
							s = w.say(client, "after")
							assert.EqualValues(t, round+1, s.Incarnation())
							assert.Equal(t, identity, s.PeerIdentity())
							state, err := s.State()
							require.NoError(t, err)
							assert.Equal(t, "slots", string(state))
						} else {
							carries(t, client, s, "after")
						}
						carries(t, s, client, "welcome back")
						assert.Equal(t, []int{37, -41}, flights(w.net.sentLog())[:2], "nothing but the two messages")
						assert.Equal(t, 1, w.listener.Stats().Sessions)
					}
				})
			})
		}
	}
}

// What a server marked is not accepted again after a crash; a record that it never
// saw is, whatever the order.
func TestReplayAfterCrash(t *testing.T) {
	server, cfg := lasting()
	in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		w.net.sentLog()
		carries(t, client, s, "pay 10")
		require.NoError(t, s.Mark())
		recorded := w.net.sentLog()[0]
		w.restart(server, true)
		w.net.send(recorded)
		time.Sleep(time.Second)
		assert.Zero(t, w.listener.Stats().Sessions, "a replay does not even wake the session")
		assert.Equal(t, 1, w.listener.Stats().Stored)
		s = w.say(client, "pay 20")
		w.net.send(recorded)
		time.Sleep(time.Second)
		require.NoError(t, s.SetReadDeadline(time.Now().Add(time.Second)))
		_, err := s.Read(make([]byte, 10))
		require.Error(t, err)
	})
}

// A session that is over does not come back.
func TestEndedSessionIsForgotten(t *testing.T) {
	server, cfg := lasting()
	in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		require.NoError(t, client.Close())
		_, err := s.Read(make([]byte, 10))
		require.ErrorIs(t, err, io.EOF)
		time.Sleep(time.Second)
		for _, store := range []Store{server.Store, cfg.Store} {
			keys, err := store.Keys("dtls/")
			require.NoError(t, err)
			for _, k := range keys {
				assert.Equal(t, resetKeyName, k)
			}
		}
		_, err = Resume(w.net.socket(clientAddress), addr(serverAddress), cfg)
		require.ErrorIs(t, err, ErrNoSession)
		require.ErrorIs(t, s.SaveState(nil), net.ErrClosed)
	})
}

// A server is killed a hundred times under traffic: no record is used twice, none
// is accepted twice, and the session stays usable.
func TestHundredCrashes(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		numbers := map[string]bool{}
		for i := range 100 {
			if i > 0 {
				s = w.say(client, "again")
			}
			for range i % 7 {
				carries(t, client, s, "up")
				carries(t, s, client, "down")
			}
			for _, d := range w.net.sentLog() {
				r, _, ok := nextRecord(d.data, shortCIDLen)
				if ok && r.epoch == epoch {
					name := fmt.Sprint(d.from == serverAddress, r.seq)
					require.False(t, numbers[name], name)
					numbers[name] = true
				}
			}
			w.restart(server, true)
		}
	})
}

// The end of a handshake that was recorded wakes a stored session only as long as
// nothing else has come: the client may not have got the answer.
func TestReplayedFinishedWakesNothing(t *testing.T) {
	for _, data := range []bool{false, true} {
		server, cfg := lasting()
		in(t, time.Millisecond, server, func(t *testing.T, w *world) {
			client, s := w.connect(clientAddress, cfg)
			flight := w.net.sentLog()[2]
			if data {
				carries(t, client, s, "hello")
			}
			w.restart(server, false)
			w.net.send(flight)
			if data {
				time.Sleep(time.Second)
				assert.Equal(t, 1, w.listener.Stats().Stored)
			} else {
				w.accept()
				assert.Equal(t, 1, w.listener.Stats().Sessions)
			}
		})
	}
}
