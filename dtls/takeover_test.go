package dtls

import (
	"bytes"
	"encoding/gob"
	"testing"
	"time"

	"github.com/coapgw/coapgw/internal/keys"
	pion "github.com/pion/dtls/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exportedFields is what pion/dtls v3.1.15 writes for an established session. When
// this changes, takeover.go is to be read again.
type exportedFields struct {
	RemoteSequenceNumber  uint64
	HandshakeComplete     bool
	LocalEpoch            uint16
	RemoteEpoch           uint16
	LocalRandom           [32]byte
	RemoteRandom          [32]byte
	CipherSuiteID         uint16
	MasterSecret          []byte
	SequenceNumber        uint64
	SRTPProtectionProfile uint16
	PeerCertificates      [][]byte
	IdentityHint          []byte
	SessionID             []byte
	LocalConnectionID     []byte
	RemoteConnectionID    []byte
	IsClient              bool
	NegotiatedProtocol    string
}

// pionPair shakes hands between two peers of the library.
func pionPair(t *testing.T, w *world, suite pion.CipherSuiteID) *pion.Conn {
	t.Helper()
	c, _ := w.foreign(t, clientAddress, append(foreignPSK(), pion.WithCipherSuites(suite),
		pion.WithConnectionIDGenerator(func() []byte { return []byte{1, 2, 3} }))...)
	return c
}

// TestExportedState fails when the library changes the state that we take over.
func TestExportedState(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		c := pionPair(t, w, pion.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256)
		_, err := c.Write([]byte("one more record"))
		require.NoError(t, err)
		st, ok := c.ConnectionState()
		require.True(t, ok)
		b, err := st.MarshalBinary()
		require.NoError(t, err)
		var all exportedFields
		require.NoError(t, gob.NewDecoder(bytes.NewReader(b)).Decode(&all))
		// The same values encode to the same length, but for the numbers that gob
		// gives to types: no field is there that is not here.
		var again bytes.Buffer
		type serializedState exportedFields
		require.NoError(t, gob.NewEncoder(&again).Encode(serializedState(all)))
		assert.InDelta(t, len(b), again.Len(), 4)

		assert.True(t, all.HandshakeComplete)
		assert.True(t, all.IsClient)
		assert.EqualValues(t, 1, all.LocalEpoch)
		assert.EqualValues(t, 1, all.RemoteEpoch)
		assert.EqualValues(t, PSKWithChaCha20, all.CipherSuiteID)
		assert.Len(t, all.MasterSecret, masterSecretSize)
		assert.EqualValues(t, 2, all.SequenceNumber, "the next to send, after Finished and one record")
		assert.EqualValues(t, 1, all.RemoteSequenceNumber, "the next expected, after Finished")
		assert.Equal(t, []byte{1, 2, 3}, all.LocalConnectionID)
		assert.Len(t, all.RemoteConnectionID, shortCID)

		e, err := export(c)
		require.NoError(t, err)
		assert.Equal(t, exported{
			LocalEpoch: 1, RemoteEpoch: 1, LocalRandom: all.LocalRandom, RemoteRandom: all.RemoteRandom,
			CipherSuiteID: all.CipherSuiteID, MasterSecret: all.MasterSecret, SequenceNumber: 2, RemoteSequenceNumber: 1,
			LocalConnectionID: all.LocalConnectionID, RemoteConnectionID: all.RemoteConnectionID, IsClient: true,
		}, e)
		require.NoError(t, c.Close())
	})
}

// A peer that asks for a Connection ID of its own gets it, in all suites.
func TestPeerWithConnectionIDBothWays(t *testing.T) {
	for _, suite := range []pion.CipherSuiteID{
		pion.TLS_PSK_WITH_AES_128_CCM_8, pion.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
		pion.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
	} {
		in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
			c, server := w.foreign(t, clientAddress, append(foreignPSK(), pion.WithCipherSuites(suite),
				pion.WithConnectionIDGenerator(func() []byte { return []byte{1, 2, 3} }))...)
			talk(t, c, server)
			require.NoError(t, server.Close())
			_, err := c.Read(make([]byte, 10))
			require.Error(t, err, "close_notify is understood")
			require.NoError(t, c.Close())
		})
	}
}

// The library's records and ours, with certificates and GCM.
func TestForeignGCM(t *testing.T) {
	pair := selfSigned(t, keys.P256)
	in(t, time.Millisecond, withCertificate(serverConfig(), pair.TLS()), func(t *testing.T, w *world) {
		c, server := w.foreign(t, clientAddress,
			pion.WithCipherSuites(pion.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), pion.WithInsecureSkipVerify(true))
		assert.Equal(t, 37, server.Overhead())
		for range 100 {
			talk(t, c, server)
		}
		require.NoError(t, c.Close())
		_, err := server.Read(make([]byte, 10))
		require.Error(t, err)
	})
}

// A NAT that forgets its mapping in the middle of a handshake: the last flight names
// the Connection ID, and the answer to its repetition goes to where that came from.
func TestAddressChangesInHandshake(t *testing.T) {
	in(t, 10*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		const moved = "203.0.113.80:1024"
		s := w.net.socket(clientAddress)
		w.net.setFilter(func(d sent) bool {
			if _, id, ok := routing(d.data); ok && id != nil && d.from == clientAddress {
				go func() {
					s.move(moved)
					d.from = moved
					w.net.send(d)
				}()
				return false
			}
			return true
		})
		client, err := Dial(t.Context(), s, addr(serverAddress), clientConfig())
		require.NoError(t, err)
		w.clients = append(w.clients, client)
		server := w.accept()
		carries(t, client, server, "hello")
		assert.Equal(t, moved, server.RemoteAddr().String())
		carries(t, server, client, "welcome")
	})
}
