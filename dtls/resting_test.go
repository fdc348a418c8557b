package dtls

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
		s := w.listener.Stats()
		assert.Equal(t, 2, s.Sessions)
		assert.EqualValues(t, 1, s.Displaced)
	})
}

// Sessions of one identity in the store count, too: else who has one key could fill
// it by shaking hands again and again.
func TestMaxPerIdentityCountsTheStore(t *testing.T) {
	server, cfg := lasting()
	server.MaxSessions, server.MaxPerIdentity = 1, 3
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		for i := range 6 {
			cfg.SessionName = fmt.Sprint(i)
			w.connect(fmt.Sprintf("198.51.100.%d:5", i+1), cfg)
			time.Sleep(time.Second)
		}
		s := w.listener.Stats()
		assert.Equal(t, 3, s.Sessions+s.Stored)
		synctest.Wait()
		assert.Len(t, storedSessions(t, server.Store), 3)
		assert.Equal(t, map[string]int{identity: 3}, w.listener.perIdentity)

		w.restart(server, true)
		cfg.SessionName = "another"
		client, newest := w.connect("198.51.100.9:5", cfg)
		carries(t, client, newest, "hello")
		assert.Equal(t, map[string]int{identity: 3}, w.listener.perIdentity)
	})
}

func storedSessions(t *testing.T, s Store) (ids []string) {
	t.Helper()
	keys, err := s.Keys(serverPrefix)
	require.NoError(t, err)
	for _, k := range keys {
		if id, ok := strings.CutSuffix(k, secretsKey); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// A full store keeps nobody out: who was away for longest has to go.
func TestFullStore(t *testing.T) {
	server, cfg := lasting()
	all := map[string][]byte{}
	s := testSecrets(ECDHEPSKWithChaCha20, nil)
	s.peer.cid, s.keyCheck = []byte{0, 0}, keyCheck(testKey())
	synctest.Test(t, func(t *testing.T) {
		for c := range cid(cidValues) {
			all[placeOf(c)+secretsKey] = s.marshal()
			all[placeOf(c)+countersKey] = counters{session: s.tag(), used: time.Now().Add(-time.Duration(c) * time.Second)}.marshal()
		}
		require.NoError(t, server.Store.Commit(all))
		n := newNetwork(time.Millisecond)
		l, err := Listen(n.socket(serverAddress), server)
		require.NoError(t, err)
		assert.Equal(t, mostSessions, l.Stats().Stored)
		assert.False(t, slices.Contains(storedSessions(t, server.Store), placeOf(cidValues-1)), "the longest absence")
		c, err := Dial(t.Context(), n.socket(clientAddress), addr(serverAddress), cfg)
		require.NoError(t, err)
		_, err = l.Accept()
		require.NoError(t, err)
		assert.Equal(t, mostSessions-1, l.Stats().Stored)
		require.NoError(t, c.Close())
		time.Sleep(time.Second)
		require.NoError(t, l.Close())
		assert.Equal(t, mostSessions-1, len(storedSessions(t, server.Store)))
	})
}

// A server that learns what time it is has not been idle for years.
func TestIdleTimeIsMonotonic(t *testing.T) {
	c, err := newConn(nil, testSecrets(ECDHEPSKWithChaCha20, nil), newLedger(0, window{}), newPath(nil, false), true)
	require.NoError(t, err)
	assert.NotEqual(t, c.idleSince(), c.idleSince().Round(0), "it has a reading that does not jump")
}

// A session that is used now and then, too rarely for a reservation, is not taken for
// an idle one after a crash.
func TestRareUseIsStored(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		cfg.SessionName = "idle"
		w.connect("198.51.100.8:1", cfg)
		for range 6 {
			time.Sleep(24 * time.Hour)
			carries(t, client, s, "what is new?")
		}
		time.Sleep(36 * time.Hour)
		w.restart(server, true)
		assert.Equal(t, []string{s.kept.prefix}, storedSessions(t, server.Store))
		carries(t, w.say(client, "still there?"), client, "yes")
	})
}

// What a clock said that was wrong neither ends a session nor keeps it for ever.
func TestClockJumps(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		_, s := w.connect(clientAddress, cfg)
		key := s.kept.prefix + countersKey
		require.NoError(t, w.listener.Close())
		b, err := server.Store.Load(key)
		require.NoError(t, err)
		c, err := parseCounters(b)
		require.NoError(t, err)
		for _, wrong := range []time.Time{
			time.Unix(3600, 0),           // a clock that was not set yet
			time.Now().AddDate(50, 0, 0), // one that was far ahead
		} {
			c.used = wrong
			require.NoError(t, server.Store.Commit(map[string][]byte{key: c.marshal()}))
			w.restart(server, true)
			assert.Equal(t, 1, w.listener.Stats().Stored, wrong)
		}
		time.Sleep(2 * defaultIdleLifetime)
		assert.Zero(t, w.listener.Stats().Stored)
		assert.Empty(t, storedSessions(t, server.Store))
	})
}

// A value that is damaged costs its session, and no other.
func TestDamagedSession(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		w.connect(clientAddress, cfg)
		cfg.SessionName = "other"
		other, s := w.connect("198.51.100.8:1", cfg)
		store := damaged{server.Store, "damaged"}
		for _, id := range storedSessions(t, server.Store) {
			if id != s.kept.prefix {
				store.key = id + countersKey
			}
		}
		broken := server
		broken.Store = store
		w.restart(broken, false)
		assert.Equal(t, 1, w.listener.Stats().Stored)
		carries(t, w.say(other, "up"), other, "down")
	})
}

// damaged is a store with one value that cannot be read.
type damaged struct {
	Store
	key string
}

func (s damaged) Load(key string) ([]byte, error) {
	if key == s.key {
		return nil, errors.New("damaged")
	}
	return s.Store.Load(key)
}
