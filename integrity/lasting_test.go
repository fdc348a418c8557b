package integrity

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/linkemu"
)

func lasting() (server, client Config) {
	server, client = serverConfig(), clientConfig()
	server.Store, client.Store = &disk{}, &disk{}
	return server, client
}

// Either side, or both, stop or crash and go on with the next message: not a byte and
// not a round trip is spent on it.
func TestSessionOutlivesRestarts(t *testing.T) {
	for _, crash := range []bool{false, true} {
		for _, tc := range []struct {
			name           string
			server, client bool
		}{{"server", true, false}, {"client", false, true}, {"both", true, true}} {
			t.Run(fmt.Sprint(tc.name, " crash ", crash), func(t *testing.T) {
				server, cfg := lasting()
				in(t, server, func(t *testing.T, w *world) {
					client, s := w.connect(cfg)
					require.NoError(t, s.Mark())
					require.NoError(t, s.SaveState([]byte("told")))
					w.takeAir()
					for round := range 3 {
						if tc.client {
							if crash {
								cfg.Store = cfg.Store.(*disk).crash()
							}
							require.Equal(t, crash, client.Suspend() != nil)
							client = w.resume(fmt.Sprintf("203.0.113.%d:1", round+1), cfg)
							assert.EqualValues(t, round+1, client.Incarnation())
						}
						if tc.server {
							w.restart(crash)
							assert.Equal(t, 1, w.listener.Stats().Stored)
							s = w.say(client, "after")
							assert.EqualValues(t, round+1, s.Incarnation())
							state, err := s.State()
							require.NoError(t, err)
							assert.Equal(t, "told", string(state))
						} else {
							carries(t, client, s, "after")
						}
						carries(t, s, client, "welcome back")
						assert.Equal(t, []int{5 + 13, -12 - 13}, w.flights(), "nothing but the two messages")
					}
					require.NoError(t, client.Close())
				})
			})
		}
	}
}

// What a server marked is not accepted again after a crash, nor does it wake the
// session.
func TestReplayAfterCrash(t *testing.T) {
	server, cfg := lasting()
	in(t, server, func(t *testing.T, w *world) {
		client, s := w.connect(cfg)
		defer client.Close()
		w.takeAir()
		carries(t, client, s, "pay 10")
		require.NoError(t, s.Mark())
		recorded := w.takeAir()[0].Payload
		w.restart(true)
		w.replay("203.0.113.9:9", recorded)
		assert.Zero(t, w.listener.Stats().Sessions)
		assert.Zero(t, w.listener.Stats().Resets)
		s = w.say(client, "pay 20")
		w.replay("203.0.113.9:9", recorded)
		silent(t, s)
	})
}

// Killed a hundred times under traffic, no counter is used twice in either direction.
func TestHundredCrashes(t *testing.T) {
	server, cfg := lasting()
	in(t, server, func(t *testing.T, w *world) {
		client, s := w.connect(cfg)
		used := map[string]bool{}
		for i := range 100 {
			for range i % 7 {
				carries(t, client, s, "up")
				carries(t, s, client, "down")
			}
			for _, p := range w.takeAir() {
				if r, ok := parseRecord(p.Payload); ok {
					name := fmt.Sprint(p.Up, r.counter)
					require.False(t, used[name], name)
					used[name] = true
				}
			}
			cfg.Store = cfg.Store.(*disk).crash()
			require.Error(t, client.Suspend())
			client = w.resume(clientAddress, cfg)
			w.restart(true)
			s = w.say(client, "again")
		}
		require.NoError(t, client.Close())
	})
}

// A session that is over does not come back, and one that was replaced leaves that of
// its successor alone.
func TestEndedSessions(t *testing.T) {
	server, cfg := lasting()
	in(t, server, func(t *testing.T, w *world) {
		first := cfg
		first.Store = &disk{}
		_, old := w.connect(first)
		client, _ := w.connect(cfg)
		require.NoError(t, old.Close())
		require.NoError(t, old.Suspend())
		require.Error(t, old.SaveState([]byte("mine")))
		w.restart(false)
		s := w.say(client, "still here")
		require.NoError(t, client.Close())
		_, err := s.Read(make([]byte, 1))
		require.Error(t, err)
		time.Sleep(time.Second)
		assert.Empty(t, cfg.Store.(*disk).crash().values)
		assert.Empty(t, w.server.Store.(*disk).crash().values)
		_, err = Resume(w.socket(clientAddress), linkemu.FarAddr(), cfg)
		require.ErrorIs(t, err, ErrNoSession)
	})
}

// A key that was changed opens no stored session, on either side.
func TestChangedKey(t *testing.T) {
	server, cfg := lasting()
	in(t, server, func(t *testing.T, w *world) {
		client, _ := w.connect(cfg)
		require.NoError(t, client.Suspend())
		w.server.Stations = []Station{{Call: boat().Call, Key: make([]byte, MinKey)}}
		w.restart(false)
		assert.Zero(t, w.listener.Stats().Stored)
		cfg.Station.Key = make([]byte, MinKey)
		_, err := Resume(w.socket(clientAddress), linkemu.FarAddr(), cfg)
		require.ErrorIs(t, err, ErrNoSession)
		client, s := w.connect(cfg)
		defer client.Close()
		carries(t, s, client, "welcome")
	})
}

// Other stations come and go; a stored session keeps its number.
func TestNumbers(t *testing.T) {
	var stations []*station
	for i := range MaxStations {
		stations = append(stations, &station{Station: Station{Call: fmt.Sprint("N", i)}})
	}
	numberStations(stations)
	numbers := map[byte]bool{}
	for _, st := range stations {
		require.True(t, isSession(st.number))
		numbers[st.number] = true
	}
	assert.Len(t, numbers, MaxStations)

	a, b := &station{Station: Station{Call: "A"}}, &station{Station: Station{Call: "B"}}
	numberStations([]*station{b})
	wants := b.number
	stored := func(call string) *station {
		return &station{Station: Station{Call: call}, resting: &restingSession{secrets: secrets{session: wants}}}
	}
	a, b, c := stored("A"), &station{Station: Station{Call: "B"}}, stored("C")
	numberStations([]*station{a, b, c})
	assert.Equal(t, wants, a.number)
	assert.NotEqual(t, wants, b.number)
	assert.Nil(t, c.resting, "two stores were mixed")
	assert.NotEqual(t, wants, c.number)
}

// What another program has stored in a form that this one does not read counts as no session: the
// station is told so at its next datagram, and says hello (docs/upgrade.md).
func TestStateOfAnotherProgram(t *testing.T) {
	c := counters{session: sessionTag{1}, send: 5, received: window{next: 7, seen: 1}}
	got, err := parseCounters(c.marshal())
	require.NoError(t, err, "of a program that stored no address")
	require.Equal(t, c, got)
	server, cfg := lasting()
	in(t, server, func(t *testing.T, w *world) {
		client, _ := w.connect(cfg)
		store := server.Store.(*disk)
		key := serverPrefix + boat().Call + countersKey
		newer := append([]byte{stateVersion + 1}, store.values[key][1:]...)
		require.NoError(t, store.Commit(map[string][]byte{key: newer}))
		w.restart(true)
		assert.Zero(t, w.listener.Stats().Stored)
		_, err := client.Write([]byte("anyone?"))
		require.NoError(t, err)
		_, err = client.Read(make([]byte, 1))
		require.Error(t, err)
		assert.EqualValues(t, 1, w.listener.Stats().Resets)
		client, s := w.connect(cfg)
		defer client.Close()
		carries(t, s, client, "welcome")
	})
}
