package dtls

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	pion "github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
)

// exported are the fields that we need of what the handshake library writes for
// an established session. TestExportedState fails when it writes them otherwise.
type exported struct {
	LocalEpoch, RemoteEpoch               uint16
	LocalRandom, RemoteRandom             [32]byte
	CipherSuiteID                         uint16
	MasterSecret                          []byte
	SequenceNumber, RemoteSequenceNumber  uint64
	PeerCertificates                      [][]byte
	IdentityHint                          []byte
	LocalConnectionID, RemoteConnectionID []byte
	IsClient                              bool
}

// masterSecretSize is that of RFC 5246 §8.1.
const masterSecretSize = 48

var errExport = errors.New("dtls: the handshake library's state is not understood")

func export(c *pion.Conn) (exported, error) {
	var e exported
	st, ok := c.ConnectionState()
	if !ok {
		return e, errExport
	}
	b, err := st.MarshalBinary()
	if err != nil {
		return e, err
	}
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&e); err != nil {
		return e, fmt.Errorf("%w: %w", errExport, err)
	}
	var none [32]byte
	switch {
	case e.LocalEpoch != epoch, e.RemoteEpoch != epoch, len(e.MasterSecret) != masterSecretSize,
		e.SequenceNumber == 0, e.RemoteSequenceNumber == 0, // each side sent its Finished
		e.LocalRandom == none, e.RemoteRandom == none,
		len(e.LocalConnectionID) > maxCID, len(e.RemoteConnectionID) > maxCID:
		return e, errExport
	}
	return e, nil
}

// secrets derives the keys (RFC 5246 §6.3). No suite of ours has MAC keys.
func (e exported) secrets() (secrets, error) {
	s := secrets{suite: Suite(e.CipherSuiteID), identity: string(e.IdentityHint)}
	row, ok := s.suite.row()
	if !ok {
		return s, errExport
	}
	if len(e.PeerCertificates) > 0 {
		sum := sha256.Sum256(e.PeerCertificates[0])
		s.identity = hex.EncodeToString(sum[:])
	}
	client, server := e.LocalRandom, e.RemoteRandom
	if !e.IsClient {
		client, server = server, client
	}
	k, err := prf.GenerateEncryptionKeys(e.MasterSecret, client[:], server[:], 0, row.cipher.keySize(), row.cipher.ivSize(), sha256.New)
	if err != nil {
		return s, err
	}
	s.own, s.peer = keyBlock{key: k.ClientWriteKey, iv: k.ClientWriteIV}, keyBlock{key: k.ServerWriteKey, iv: k.ServerWriteIV}
	if !e.IsClient {
		s.own, s.peer = s.peer, s.own
	}
	// Our records carry the ID that the peer chose, and the other way round.
	s.own.cid, s.peer.cid = e.RemoteConnectionID, e.LocalConnectionID
	return s, nil
}

// taken is a session when its handshake is complete.
type taken struct {
	secrets
	send     uint64
	received window
	// early is what the handshake library had already decrypted.
	early [][]byte
}

// takeOver ends the handshake library's part in a session.
func takeOver(c *pion.Conn, p *pipe) (taken, error) {
	var t taken
	// Its reader leaves; what it had read comes out first.
	p.in.detach()
	buf := make([]byte, maxDatagram)
	for {
		n, err := c.Read(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			t.early = append(t.early, append([]byte(nil), buf[:n]...))
		}
	}
	// Nothing is sent after the look at the sequence number.
	p.mute()
	e, err := export(c)
	c.Close()
	if err != nil {
		return t, err
	}
	if t.secrets, err = e.secrets(); err != nil {
		return t, err
	}
	t.send, t.received = e.SequenceNumber, closedWindow(e.RemoteSequenceNumber)
	if !e.IsClient {
		t.changeCipherSpec, t.finished, err = t.finalFlight(p.last)
	}
	return t, err
}

// finalFlight takes a server's last flight apart, so that it can be sent again
// under new numbers (RFC 6347 §4.2.4).
func (s secrets) finalFlight(last [][]byte) (changeCipherSpec, finished []byte, err error) {
	own, _, err := s.protectors()
	if err != nil {
		return nil, nil, err
	}
	if len(last) != 2 {
		return nil, nil, errExport
	}
	r, _, ok := nextRecord(last[1], func(byte) int { return len(s.own.cid) })
	if !ok {
		return nil, nil, errExport
	}
	if _, finished, ok = own.open(r); !ok || len(finished) == 0 || finished[0] != msgFinished {
		return nil, nil, errExport
	}
	return last[0], finished, nil
}
