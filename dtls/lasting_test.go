package dtls

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lasting returns configurations of both sides with stores of their own.
func lasting() (server, client Config) {
	server, client = serverConfig(), clientConfig()
	server.Store, client.Store = &MemoryStore{}, &MemoryStore{}
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
		dead := w.listener.cfg.Store.(*MemoryStore)
		dead.mu.Lock()
		frozen := MemoryStore{m: map[string][]byte{}}
		for k, v := range dead.m {
			frozen.m[k] = bytes.Clone(v)
		}
		dead.mu.Unlock()
		defer func() { dead.m = frozen.m }()
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

// A server that lost everything but its reset key says so in one exchange.
func TestReset(t *testing.T) {
	server, cfg := lasting()
	server.ResetKey = bytes.Repeat([]byte{5}, resetKeySize)
	in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		token, ok := s.ResetToken()
		require.True(t, ok)
		require.NoError(t, client.SetResetToken(token))
		w.leave(client)
		client = w.resume(clientAddress, cfg) // it knows the token still

		server.Store = &MemoryStore{}
		w.restart(server, false)
		w.net.sentLog()
		_, err := client.Write([]byte("hello?"))
		require.NoError(t, err)
		_, err = client.Read(make([]byte, 100))
		require.ErrorIs(t, err, ErrReset)
		sizes := flights(w.net.sentLog())
		require.Len(t, sizes, 2)
		assert.LessOrEqual(t, -sizes[1], sizes[0], "no larger than what came in")
		synctest.Wait()
		_, err = Resume(w.net.socket(clientAddress), addr(serverAddress), cfg)
		require.ErrorIs(t, err, ErrNoSession)

		client, s = w.connect(clientAddress, cfg)
		carries(t, client, s, "hello!")
		other, _ := s.ResetToken()
		assert.NotEqual(t, token, other, "a token that was shown is not used for another session")
	})
}

// Strangers cannot reset, and have few resets to see.
func TestResetAgainstStrangers(t *testing.T) {
	server, cfg := lasting()
	in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		token, _ := s.ResetToken()
		require.NoError(t, client.SetResetToken(token))
		wrong := newResetter(bytes.Repeat([]byte{6}, resetKeySize))
		w.net.send(sent{from: serverAddress, to: clientAddress, data: wrong.answer(0, 100, time.Now())})
		carries(t, client, s, "alive")

		w.net.sentLog()
		for i := range 1000 {
			b := rec(typeCID, 1, make([]byte, 40)...)
			b[11], b[12] = byte(i>>8), byte(i)
			w.net.send(sent{from: "203.0.113.9:9", to: serverAddress, data: b})
		}
		w.net.send(sent{from: "203.0.113.9:9", to: serverAddress, data: rec(typeCID, 1, 1)})
		time.Sleep(time.Second)
		assert.EqualValues(t, resetsPerSecond, w.listener.Stats().Resets)
	})
}

// A key that was withdrawn opens no stored session either.
func TestWithdrawnKey(t *testing.T) {
	server, cfg := lasting()
	in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
		client, _ := w.connect(clientAddress, cfg)
		withdrawn := server
		withdrawn.Keys = keysOf(nil)
		w.restart(withdrawn, false)
		_, err := client.Write([]byte("hello"))
		require.NoError(t, err)
		time.Sleep(time.Second)
		assert.Zero(t, w.listener.Stats().Sessions)
		assert.Zero(t, w.listener.Stats().Stored)
	})
}

// Sessions beyond the limit rest in the store and come back with their next
// record.
func TestIdleSessionsGoToTheStore(t *testing.T) {
	server, cfg := lasting()
	server.MaxSessions = 2
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		var clients []*Conn
		for i := range 5 {
			cfg.SessionName = fmt.Sprint(i)
			c, s := w.connect(fmt.Sprintf("198.51.100.%d:5", i+1), cfg)
			carries(t, c, s, "hello")
			clients = append(clients, c)
			time.Sleep(time.Second)
		}
		for round := range 3 {
			for i, c := range clients {
				s := c
				if st := w.listener.Stats(); round == 0 || st.Stored > 0 {
					require.Equal(t, 5, st.Sessions+st.Stored)
					require.LessOrEqual(t, st.Sessions, 2)
				}
				if round > 0 || i < 3 {
					s = w.say(c, "still me")
					carries(t, s, c, "still I")
				}
				time.Sleep(time.Second)
			}
		}
	})
}

func TestIdleLifetime(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		foreign, address := w.foreign(t, "198.51.100.9:9", foreignPSK()...)
		defer foreign.Close()
		time.Sleep(12 * time.Hour)
		carries(t, client, s, "slept well")
		time.Sleep(24 * time.Hour)
		_, err := address.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "nothing would find it")
		carries(t, client, s, "slept long")
		w.restart(server, false)
		time.Sleep(8 * 24 * time.Hour)
		assert.Zero(t, w.listener.Stats().Stored)
		assert.Empty(t, w.listener.byCID)
	})
}

func TestMaxPerIdentity(t *testing.T) {
	cfg := serverConfig()
	cfg.MaxPerIdentity = 2
	in(t, time.Millisecond, cfg, func(t *testing.T, w *world) {
		_, first := w.connect("198.51.100.1:5", clientConfig())
		time.Sleep(time.Second)
		w.connect("198.51.100.2:5", clientConfig())
		w.connect("198.51.100.3:5", clientConfig())
		_, err := first.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		assert.Equal(t, 2, w.listener.Stats().Sessions)
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

// Two sessions under one name spoil the stored one, but never mix their numbers.
func TestTwoSessionsOfOneName(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		old, _ := w.connect(clientAddress, cfg)
		client, s := w.connect("198.51.100.8:1", cfg)
		require.NoError(t, old.rest()) // writes its counters over those of the other
		carries(t, client, s, "still there")
		w.leave(client)
		client = w.resume("198.51.100.8:1", cfg)
		carries(t, client, s, "its counters were the last")
		require.NoError(t, cfg.Store.Commit(map[string][]byte{
			clientPrefix + "home" + countersKey: counters{used: time.Now()}.marshal(),
		}))
		_, err := Resume(w.net.socket("198.51.100.9:1"), addr(serverAddress), cfg)
		require.ErrorIs(t, err, ErrNoSession)
	})
}

// A store that fails costs the sessions their future, not the service.
func TestFailingStore(t *testing.T) {
	full := errors.New("disk full")
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		w.listener.cfg.Store = failing{full}
		cfg.Store = failing{full}
		client, s := w.connect(clientAddress, cfg)
		carries(t, client, s, "up")
		carries(t, s, client, "down")
		require.ErrorIs(t, s.Mark(), full)
		require.ErrorIs(t, s.SaveState([]byte("x")), full)
		_, err := Listen(w.net.socket("192.0.2.2:5684"), w.listener.cfg)
		require.ErrorIs(t, err, full)
		w.clients = nil
		require.ErrorIs(t, client.Close(), full)
		_, err = s.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}

// slowStore takes its time, as a disk does.
type slowStore struct{ MemoryStore }

func (s *slowStore) Commit(changes map[string][]byte) error {
	time.Sleep(10 * time.Millisecond)
	return s.MemoryStore.Commit(changes)
}

// What comes while a new session is being stored waits for it; nothing is lost.
func TestRecordsDuringTakeOver(t *testing.T) {
	server, cfg := serverConfig(), clientConfig()
	server.Store = &slowStore{}
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, err := w.dial(clientAddress, cfg)
		require.NoError(t, err)
		w.clients = append(w.clients, client)
		for i := range 20 {
			_, err := client.Write([]byte{byte(i)})
			require.NoError(t, err)
			time.Sleep(time.Millisecond)
		}
		s := w.accept()
		buf := make([]byte, 1)
		for i := range 20 {
			_, err := s.Read(buf)
			require.NoError(t, err)
			assert.EqualValues(t, i, buf[0])
		}
	})
}

// Many goroutines send and mark at once: each number is taken once, marks share
// writes, and what is stored never goes back.
func TestConcurrentLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{}
		l := newLedger(0, window{})
		first := l.keep(store, "k", nil)
		require.NoError(t, store.Commit(map[string][]byte{"k": first.marshal()}))
		start := time.Now()
		var (
			work  sync.WaitGroup
			mu    sync.Mutex
			taken = map[uint64]bool{}
		)
		for i := range 50 {
			work.Go(func() {
				for j := range 100 {
					seq, err := l.take()
					assert.NoError(t, err)
					mu.Lock()
					assert.False(t, taken[seq])
					taken[seq] = true
					mu.Unlock()
					l.accept(uint64(i*100 + j))
					if j%10 == 0 {
						assert.NoError(t, l.mark())
						b, err := store.Load("k")
						assert.NoError(t, err)
						c, err := parseCounters(b)
						assert.NoError(t, err)
						assert.Greater(t, c.send, seq)
					}
				}
			})
		}
		work.Wait()
		assert.Len(t, taken, 5000)
		assert.Less(t, time.Since(start), time.Second, "500 marks, far fewer writes")
	})
}
