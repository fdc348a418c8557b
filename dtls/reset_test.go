package dtls

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

		server.Store = &disk{}
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
		w.net.send(sent{from: "203.0.113.9:9", to: serverAddress, data: rec(typeCID, 1, 1)})
		time.Sleep(time.Second)
		assert.Zero(t, w.listener.Stats().Resets, "none is larger than what came in")
		for i := range 1000 {
			b := rec(typeCID, 1, make([]byte, 40)...)
			b[11], b[12] = byte(i>>8), byte(i)
			w.net.send(sent{from: "203.0.113.9:9", to: serverAddress, data: b})
		}
		time.Sleep(time.Second)
		assert.EqualValues(t, resetsPerSecond, w.listener.Stats().Resets)
	})
}

// A token that a stranger has had sent in clear is given to no session that begins later:
// here there is one Connection ID left.
func TestShownToken(t *testing.T) {
	server, cfg := lasting()
	in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
		const left = cid(0x1234)
		for c := range cid(cidValues) {
			if c != left {
				w.listener.resets.revealed.add(c)
			}
		}
		w.net.send(sent{from: "203.0.113.9:9", to: serverAddress, data: rec(typeCID, 1, make([]byte, 40)...)})
		time.Sleep(time.Second)
		require.EqualValues(t, 1, w.listener.Stats().Resets)
		w.listener.ids.next = left
		_, s := w.connect(clientAddress, cfg)
		_, ok := s.ResetToken()
		assert.False(t, ok)
	})
}

// When strangers have seen the tokens of all Connection IDs, sessions are made all the
// same, without a token, and resets go on.
func TestAllTokensShown(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		_, s := w.connect(clientAddress, cfg)
		_, ok := s.ResetToken()
		require.True(t, ok)
		for c := range cid(cidValues) {
			w.listener.resets.revealed.add(c)
		}
		cfg.SessionName = "other"
		client, s := w.connect("198.51.100.8:1", cfg)
		_, ok = s.ResetToken()
		assert.False(t, ok)
		carries(t, client, s, "hello")
		b := rec(typeCID, 1, make([]byte, 40)...)
		b[11], b[12] = 0x7f, 0xff
		w.net.send(sent{from: "203.0.113.9:9", to: serverAddress, data: b})
		time.Sleep(time.Second)
		assert.EqualValues(t, 1, w.listener.Stats().Resets)
	})
}
