package dtls

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// After a change of address no more than three times what came from there is sent
// there, until the peer has shown that it is there.
func TestUnverifiedPath(t *testing.T) {
	cfg := serverConfig()
	cfg.CheckPaths = true
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		socket := w.net.socket(clientAddress)
		client, err := Dial(t.Context(), socket, addr(serverAddress), clientConfig())
		require.NoError(t, err)
		w.clients = append(w.clients, client)
		server := w.accept()
		first := server.Path()
		require.True(t, first.Verified, "the handshake showed it")
		assert.False(t, server.PathVerified(first.ID+1))

		const elsewhere = "203.0.113.80:1024"
		socket.move(elsewhere)
		carries(t, client, server, "moved")
		p := server.Path()
		assert.Equal(t, Path{ID: first.ID + 1, Peer: addr(elsewhere), Received: 37}, p)
		assert.False(t, server.PathVerified(first.ID), "an answer from the old path is none for the new")

		w.net.sentLog()
		for range 10 {
			_, err := server.Write(make([]byte, 8)) // 37 bytes each
			require.NoError(t, err)
		}
		assert.Len(t, w.net.sentLog(), 3)
		p = server.Path()
		assert.Equal(t, 3*37, p.Sent)
		assert.Equal(t, 7, p.Held)
		time.Sleep(trickleInterval)
		for range 3 {
			_, err := server.Write(make([]byte, 8))
			require.NoError(t, err)
		}
		assert.Len(t, w.net.sentLog(), 1, "one more after a while")
		p = server.Path()
		carries(t, client, server, "more")
		_, err = server.Write(make([]byte, 8))
		require.NoError(t, err)

		require.True(t, server.PathVerified(p.ID))
		w.net.sentLog()
		for range 10 {
			_, err := server.Write(make([]byte, 1000))
			require.NoError(t, err)
		}
		assert.Len(t, w.net.sentLog(), 10)
		assert.Equal(t, Path{ID: p.ID, Peer: addr(elsewhere), Verified: true}, server.Path())
	})
}

// A thief on the way sends a record on from elsewhere, before it arrives. The next
// record from the old address moves the session back, and that address needs no
// second proof.
func TestPathMovesBack(t *testing.T) {
	cfg := serverConfig()
	cfg.CheckPaths = true
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		w.net.setFilter(func(d sent) bool {
			if d.from != clientAddress {
				return true
			}
			d.from = "203.0.113.66:666"
			go w.net.send(d)
			return false
		})
		carries(t, client, server, "stolen")
		assert.False(t, server.Path().Verified)
		assert.Equal(t, "203.0.113.66:666", server.RemoteAddr().String())
		w.net.setFilter(nil)
		carries(t, client, server, "mine")
		p := server.Path()
		assert.True(t, p.Verified)
		assert.Equal(t, clientAddress, p.Peer.String())
		assert.EqualValues(t, 2, p.ID)
	})
}

// Without CheckPaths the path is reported, and nothing is held back.
func TestPathReported(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		socket := w.net.socket(clientAddress)
		client, err := Dial(t.Context(), socket, addr(serverAddress), clientConfig())
		require.NoError(t, err)
		w.clients = append(w.clients, client)
		server := w.accept()
		for i := range 10 {
			socket.move(fmt.Sprintf("203.0.113.80:%d", 1024+i))
			carries(t, client, server, "x")
			_, err := server.Write(make([]byte, 1000))
			require.NoError(t, err)
			p := server.Path()
			assert.Equal(t, Path{ID: uint32(i + 1), Peer: socket.LocalAddr(), Received: 33, Sent: 1029}, p)
		}
	})
}

// A session from the store trusts the address that was verified, and no other.
func TestPathOfResumedSession(t *testing.T) {
	server, cfg := lasting()
	server.CheckPaths = true
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, _ := w.connect(clientAddress, cfg)
		w.restart(server, false)
		assert.True(t, w.say(client, "same place").Path().Verified)

		w.leave(client)
		client = w.resume("203.0.113.80:1024", cfg)
		w.restart(server, false)
		s := w.say(client, "elsewhere")
		assert.False(t, s.Path().Verified)

		w.restart(server, false) // it was not verified, so it is not now
		s = w.say(client, "still elsewhere")
		require.False(t, s.Path().Verified)
		require.True(t, s.PathVerified(s.Path().ID))
		w.restart(server, false)
		assert.True(t, w.say(client, "known now").Path().Verified)
	})
}
