package dtls

import (
	"bytes"
	"testing"

	"github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// testSecrets are those of one side; mirrored are the other's.
func testSecrets(s Suite, cid []byte) secrets {
	row, _ := s.row()
	block := func(b byte, cid []byte) keyBlock {
		return keyBlock{key: bytes.Repeat([]byte{b}, row.cipher.keySize()), iv: bytes.Repeat([]byte{b + 1}, row.cipher.ivSize()), cid: cid}
	}
	return secrets{suite: s, identity: identity, own: block(1, cid), peer: block(3, nil)}
}

func (s secrets) mirrored() secrets {
	s.own, s.peer = s.peer, s.own
	return s
}

// oracle unprotects records with another implementation.
func oracle(t require.TestingT, s secrets) func(recordlayer.Header, []byte) ([]byte, error) {
	row, _ := s.suite.row()
	var err error
	var o interface {
		Decrypt(recordlayer.Header, []byte) ([]byte, error)
	}
	switch row.cipher {
	case chaCha20:
		o, err = ciphersuite.NewChaCha20Poly1305(s.peer.key, s.peer.iv, s.own.key, s.own.iv)
	case aesCCM8:
		o, err = ciphersuite.NewCCM(ciphersuite.CCMTagLength8, s.peer.key, s.peer.iv, s.own.key, s.own.iv)
	default:
		o, err = ciphersuite.NewGCM(s.peer.key, s.peer.iv, s.own.key, s.own.iv)
	}
	require.NoError(t, err)
	return o.Decrypt
}

func TestProtectAgainstOracle(t *testing.T) {
	for _, row := range suiteTable() {
		for _, cid := range [][]byte{nil, {1, 2}} {
			s := testSecrets(row.suite, cid)
			own, _, err := s.protectors()
			require.NoError(t, err)
			_, peer, err := s.mirrored().protectors()
			require.NoError(t, err)
			rapid.Check(t, func(t *rapid.T) {
				seq := rapid.Uint64Range(0, maxSequence).Draw(t, "seq")
				content := rapid.SliceOf(rapid.Byte()).Draw(t, "content")
				b := own.seal([]byte("before"), typeApplicationData, seq, content)[len("before"):]
				require.Len(t, b, len(content)+own.overhead())

				r, rest, ok := nextRecord(b, func(byte) int { return len(cid) })
				require.True(t, ok)
				require.Empty(t, rest)
				require.Equal(t, seq, r.seq)
				typ, got, ok := peer.open(r)
				require.True(t, ok)
				require.EqualValues(t, typeApplicationData, typ)
				require.True(t, bytes.Equal(content, got))

				var h recordlayer.Header
				if cid != nil {
					h.ConnectionID = make([]byte, len(cid))
				}
				theirs, err := oracle(t, s)(h, bytes.Clone(b))
				require.NoError(t, err)
				inner := theirs[recordHeader+len(cid):]
				if cid != nil {
					require.EqualValues(t, typeApplicationData, inner[len(inner)-1])
					inner = inner[:len(inner)-1]
				}
				require.True(t, bytes.Equal(content, inner))

				// Any bit matters.
				i := rapid.IntRange(0, len(b)*8-1).Draw(t, "bit")
				b[i/8] ^= 1 << (i % 8)
				if r, _, ok := nextRecord(b, func(byte) int { return len(cid) }); ok {
					_, _, ok = peer.open(r)
					require.False(t, ok)
				}
			})
		}
	}
}

func TestOpenPadding(t *testing.T) {
	s := testSecrets(ECDHEPSKWithChaCha20, []byte{1, 2})
	own, _, err := s.protectors()
	require.NoError(t, err)
	_, peer, err := s.mirrored().protectors()
	require.NoError(t, err)
	open := func(b []byte) (uint8, []byte, bool) {
		r, _, ok := nextRecord(b, shortCIDLen)
		require.True(t, ok)
		return peer.open(r)
	}
	// A type of 0 is padding: what is before it is the type.
	typ, content, ok := open(own.seal(nil, 0, 1, []byte{9, 9, typeAlert, 0, 0}))
	require.True(t, ok)
	assert.EqualValues(t, typeAlert, typ)
	assert.Equal(t, []byte{9, 9}, content)
	_, _, ok = open(own.seal(nil, 0, 2, []byte{0, 0}))
	assert.False(t, ok, "padding only (RFC 9146 §4)")
}

func FuzzOpen(f *testing.F) {
	for _, row := range suiteTable() {
		own, _, err := testSecrets(row.suite, []byte{1, 2}).protectors()
		require.NoError(f, err)
		f.Add(own.seal(nil, typeApplicationData, 7, []byte("content")))
		f.Add(own.seal(nil, typeApplicationData, 7, nil)[:20])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _, ok := nextRecord(b, shortCIDLen)
		if !ok {
			return
		}
		for _, row := range suiteTable() {
			_, peer, err := testSecrets(row.suite, []byte{1, 2}).mirrored().protectors()
			require.NoError(t, err)
			if _, content, ok := peer.open(r); ok {
				require.Less(t, len(content), len(b))
			}
		}
	})
}
