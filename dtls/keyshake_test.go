//go:build coapgw_psk

package dtls

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKeysOnly: certificates need another build.
func TestKeysOnly(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		cfg := clientConfig()
		cfg.Identity, cfg.Key = "", nil
		cfg.Fingerprint = make([]byte, sha256.Size)
		_, err := w.dial(clientAddress, cfg)
		require.ErrorIs(t, err, ErrKeysOnly)
	})
}

// TestPseudorandom: the test vector of P_SHA256 that implementers share
// (https://mailarchive.ietf.org/arch/msg/tls/fzVCzk-z3FShgGJ6DOXqM1ydxms/).
func TestPseudorandom(t *testing.T) {
	secret := []byte{0x9b, 0xbe, 0x43, 0x6b, 0xa9, 0x40, 0xf0, 0x17, 0xb1, 0x76, 0x52, 0x84, 0x9a, 0x71, 0xdb, 0x35}
	seed := []byte{0xa0, 0xba, 0x9f, 0x93, 0x6c, 0xda, 0x31, 0x18, 0x27, 0xa6, 0xf7, 0x96, 0xff, 0xd5, 0x19, 0x8c}
	want := []byte{0xe3, 0xf2, 0x29, 0xba, 0x72, 0x7b, 0xe1, 0x7b, 0x8d, 0x12, 0x26, 0x20, 0x55, 0x7c, 0xd4, 0x53, 0xc2, 0xaa, 0xb2, 0x1d, 0x07, 0xc3, 0xd4, 0x95, 0x32, 0x9b, 0x52, 0xd4, 0xe6, 0x1e, 0xdb, 0x5a}
	assert.Equal(t, want, pseudorandom(secret, "test label", seed, 100)[:len(want)])
}

// serverFlight are records of a server's first flight, without a hint: for the fuzzer to
// start from.
func serverFlight() []byte {
	hello := append([]byte{versionMajor, versionMinor}, make([]byte, 32)...)
	hello = append(hello, 0, 0xcc, 0xac, 0, 0, 11, 0, extExtendedMasterSecret, 0, 0, 0, extConnectionID, 0, 3, 2, 1, 2)
	exchange := append([]byte{0, 0, namedCurve, 0, groupX25519, 32}, make([]byte, 32)...)
	exchange[6] = 9
	var b []byte
	for i, m := range []struct {
		typ  byte
		body []byte
	}{{msgServerHello, hello}, {msgServerKeyExchange, exchange}, {msgServerHelloDone, nil}} {
		message := append(header(m.typ, uint16(i), len(m.body)), m.body...)
		b = append(b, typeHandshake, versionMajor, versionMinor)
		b = binary.BigEndian.AppendUint64(b, uint64(i))
		b = binary.BigEndian.AppendUint16(b, uint16(len(message)))
		b = append(b, message...)
	}
	return b
}

func newKeyshake(t testing.TB) *keyshake {
	cfg := clientConfig()
	k := &keyshake{cfg: cfg, fragments: make(map[uint16]*joint), transcript: sha256.New()}
	require.NoError(t, k.begin())
	return k
}

// TestServerFlight: it leads to keys, whole and in pieces that come in any order, twice.
func TestServerFlight(t *testing.T) {
	k := newKeyshake(t)
	progress, done, err := k.datagram(serverFlight())
	require.NoError(t, err)
	assert.True(t, progress)
	assert.False(t, done)
	assert.Equal(t, []byte{1, 2}, k.keys.own.cid)
	require.NotNil(t, k.finished)
	whole := k.master

	pieces := newKeyshake(t)
	pieces.share, pieces.random, pieces.plain, pieces.transcript, pieces.sent = k.share, k.random, nil, sha256.New(), 0
	pieces.plain = [][]byte{pieces.message(msgClientHello, pieces.hello(clientSuites(true, false, pieces.cfg.Profile)))}
	var split [][]byte
	for rest := serverFlight(); len(rest) > 0; {
		r, next, ok := nextRecord(rest, noCID)
		require.True(t, ok)
		rest = next
		const size = 5
		for at := handshakeHeader; at < len(r.body) || at == handshakeHeader; at += size {
			n := min(size, len(r.body)-at)
			m := append([]byte(nil), r.body[:handshakeHeader]...)
			putUint24(m[6:], at-handshakeHeader)
			putUint24(m[9:], n)
			m = append(m, r.body[at:at+n]...)
			b := append([]byte(nil), r.raw[:recordHeader]...)
			binary.BigEndian.PutUint16(b[recordHeader-2:], uint16(len(m)))
			split = append(split, append(b, m...))
		}
	}
	progress = false
	for i := len(split) - 1; i >= 0; i-- {
		for range 2 {
			moved, _, err := pieces.datagram(split[i])
			require.NoError(t, err)
			progress = progress || moved
		}
	}
	assert.True(t, progress)
	assert.Equal(t, whole, pieces.master)
}

// FuzzKeyshake: whatever comes, the handshake ends or waits.
func FuzzKeyshake(f *testing.F) {
	f.Add(serverFlight(), []byte{})
	f.Add([]byte{}, serverFlight())
	verify := append(header(msgHelloVerifyRequest, 0, 5), versionMajor, versionMinor, 2, 7, 7)
	f.Add(append([]byte{typeHandshake, versionMajor, versionMinor, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(verify))}, verify...), serverFlight())
	f.Fuzz(func(t *testing.T, one, two []byte) {
		k := newKeyshake(t)
		for _, b := range [][]byte{sieve(one, noCID), sieve(two, noCID)} {
			_, done, err := k.datagram(b)
			require.False(t, done, "nobody knows the key")
			if err != nil {
				return
			}
		}
		require.LessOrEqual(t, len(k.fragments), 5)
	})
}
