//go:build coapgw_psk

package dtls

import (
	"context"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"os"
	"slices"
	"time"
)

// keyshake is the client's side of a handshake with a pre-shared key (DTLS 1.2: RFC 6347;
// RFC 4279, or with forward secrecy RFC 8442 and RFC 5489), for programs too small for the
// handshake library, which knows certificates. It always asks for an extended master secret
// (RFC 7627) and offers a Connection ID (RFC 9146), and its flights are byte for byte as
// long as the library's.
type keyshake struct {
	cfg  Config
	link *clientLink

	random [32]byte
	cookie []byte
	share  *ecdh.PrivateKey // nil where no suite is forward secret

	// What of a flight of ours is sent again: messages of epoch 0, and then, unless finished
	// is nil, ChangeCipherSpec and the Finished of epoch 1.
	plain    [][]byte
	finished []byte
	record   uint64 // of the next record of epoch 0
	sealed   uint64 // of epoch 1
	sent     uint16 // message_seq of our next message

	expected  uint16            // message_seq of the peer's next message
	fragments map[uint16]*joint // by message_seq, of those that are not whole
	// transcript is what Finished covers, and hash its state.
	transcript hash.Hash

	suite     Suite
	server    [32]byte // its random
	cid       []byte   // that the server wants in our records
	hasCID    bool
	extended  bool
	public    []byte // the server's share
	answered  bool   // its ServerKeyExchange has come
	master    []byte
	own, peer *protector
	keys      secrets
	received  window
	early     [][]byte
}

// Handshake message types (RFC 5246 §7.4, RFC 6347 §4.3.2) beside those of record.go.
const (
	msgHelloVerifyRequest = 3
	msgServerKeyExchange  = 12
	msgServerHelloDone    = 14
	msgClientKeyExchange  = 16
)

// Extensions and what is in them.
const (
	extSupportedGroups      = 10 // RFC 8422 §5.1.1
	extExtendedMasterSecret = 23 // RFC 7627 §5.1
	extConnectionID         = 54 // RFC 9146 §3

	groupX25519     = 29
	namedCurve      = 3  // RFC 8422 §5.4
	verifySize      = 12 // RFC 5246 §7.4.9
	maxMessage      = 4096
	maxEarly        = 16 // records that overtake the Finished, and are kept
	maxSendInterval = time.Minute
)

var (
	// errHandshake says that the server does what no server does.
	errHandshake = errors.New("dtls: the server's handshake is not understood")
	errRefused   = errors.New("dtls: the server refused")
)

// shakeByKey runs one handshake.
func (l *clientLink) shakeByKey(ctx context.Context, cfg Config) (taken, error) {
	stop := context.AfterFunc(ctx, l.early.detach)
	defer stop()
	k := &keyshake{cfg: cfg, link: l, fragments: make(map[uint16]*joint), transcript: sha256.New()}
	rand.Read(k.random[:])
	if err := k.begin(); err != nil {
		return taken{}, err
	}
	if err := k.run(ctx); err != nil {
		return taken{}, err
	}
	k.keys.identity = cfg.Identity
	return taken{secrets: k.keys, send: k.sealed, received: k.received, early: k.early}, nil
}

// begin makes the first ClientHello.
func (k *keyshake) begin() error {
	suites := clientSuites(true, k.cfg.RequireForwardSecrecy, k.cfg.Profile)
	if slices.ContainsFunc(suites, Suite.ForwardSecret) {
		share, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		k.share = share
	}
	k.plain = [][]byte{k.message(msgClientHello, k.hello(suites))}
	return nil
}

// hello is a ClientHello (RFC 6347 §4.2.1).
func (k *keyshake) hello(suites []Suite) []byte {
	b := append([]byte{versionMajor, versionMinor}, k.random[:]...)
	b = append(b, 0) // session_id
	b = append(append(b, byte(len(k.cookie))), k.cookie...)
	b = binary.BigEndian.AppendUint16(b, uint16(2*len(suites)))
	for _, s := range suites {
		b = binary.BigEndian.AppendUint16(b, uint16(s))
	}
	b = append(b, 1, 0) // no compression
	var ext []byte
	if k.share != nil {
		ext = append(ext, 0, extSupportedGroups, 0, 4, 0, 2, 0, groupX25519)
	}
	ext = append(ext, 0, extExtendedMasterSecret, 0, 0)
	ext = append(ext, 0, extConnectionID, 0, 1, 0) // we want none in records to us
	b = binary.BigEndian.AppendUint16(b, uint16(len(ext)))
	return append(b, ext...)
}

// message gives a message of ours its header, whole, and adds it to what Finished covers.
func (k *keyshake) message(typ byte, body []byte) []byte {
	b := header(typ, k.sent, len(body))
	k.sent++
	b = append(b, body...)
	k.transcript.Write(b)
	return b
}

// header is that of a message in one piece (RFC 6347 §4.2.2).
func header(typ byte, seq uint16, size int) []byte {
	b := []byte{typ, byte(size >> 16), byte(size >> 8), byte(size)}
	b = binary.BigEndian.AppendUint16(b, seq)
	return append(b, 0, 0, 0, byte(size>>16), byte(size>>8), byte(size))
}

// run sends flights, again as long as there is no answer, until the handshake is over
// (RFC 6347 §4.2.4).
func (k *keyshake) run(ctx context.Context) error {
	interval := k.cfg.Profile.FlightInterval
	for send := true; ; {
		if send {
			if err := k.flight(); err != nil {
				return err
			}
			k.link.early.setDeadline(time.Now().Add(interval))
			if interval < maxSendInterval {
				interval = 2 * min(interval, maxSendInterval/2)
			}
		}
		d, err := k.link.early.get()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			send = true
			continue
		case err != nil:
			return err
		}
		progress, done, err := k.datagram(d.data)
		if err != nil {
			return err
		}
		if done {
			k.link.early.setDeadline(time.Time{})
			return nil
		}
		if send = progress; progress {
			interval = k.cfg.Profile.FlightInterval
		}
	}
}

// flight sends the present flight, in as few datagrams as the MTU allows.
func (k *keyshake) flight() error {
	var datagram []byte
	put := func(record []byte) error {
		if len(datagram) > 0 && len(datagram)+len(record) > k.cfg.Profile.MTU {
			if err := k.link.attempt(datagram, nil); err != nil {
				return err
			}
			datagram = nil
		}
		datagram = append(datagram, record...)
		return nil
	}
	for _, m := range k.plain {
		for at := handshakeHeader; at < len(m); {
			n := min(len(m)-at, k.cfg.handshakeFragment())
			b := append([]byte(nil), m[:handshakeHeader]...)
			putUint24(b[6:], at-handshakeHeader)
			putUint24(b[9:], n)
			if err := put(k.plainRecord(typeHandshake, append(b, m[at:at+n]...))); err != nil {
				return err
			}
			at += n
		}
	}
	if k.finished != nil {
		if err := put(k.plainRecord(typeChangeCipherSpec, []byte{1})); err != nil {
			return err
		}
		err := put(k.own.seal(nil, typeHandshake, k.sealed, k.finished))
		k.sealed++
		if err != nil {
			return err
		}
	}
	return k.link.attempt(datagram, nil)
}

func (k *keyshake) plainRecord(typ byte, body []byte) []byte {
	b := []byte{typ, versionMajor, versionMinor}
	b = binary.BigEndian.AppendUint64(b, k.record)
	k.record++
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

func putUint24(b []byte, n int) { b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n) }

// datagram takes what came. progress says that our next flight is due, done that there is none.
func (k *keyshake) datagram(b []byte) (progress, done bool, err error) {
	for rest := b; len(rest) > 0; {
		r, next, ok := nextRecord(rest, noCID)
		if !ok {
			break
		}
		rest = next
		switch {
		case r.epoch == epoch && k.peer != nil:
			finished, err := k.protected(r)
			if err != nil {
				return false, false, err
			}
			done = done || finished
		case r.epoch != 0:
		case r.typ == typeAlert:
			if r.body[0] == alertFatal {
				return false, false, errRefused // explain says by which
			}
		case r.typ == typeHandshake && k.finished == nil:
			moved, err := k.handshake(r.body)
			if err != nil {
				return false, false, err
			}
			progress = progress || moved
		}
	}
	return progress, done, nil
}

// protected takes a record of the server's last flight, or one that overtook it.
func (k *keyshake) protected(r record) (done bool, err error) {
	if !k.received.fresh(r.seq) {
		return false, nil
	}
	typ, content, ok := k.peer.open(r)
	if !ok {
		return false, nil // dropped in silence, RFC 6347 §4.1.2.7
	}
	switch {
	case isFinished(typ, content):
		k.received.add(r.seq)
		want := append(header(msgFinished, k.expected, verifySize), k.verify("server finished")...)
		if !hmac.Equal(want, content) {
			return false, errHandshake
		}
		return true, nil
	case typ == typeAlert && len(content) == alertSize && content[0] == alertFatal:
		return false, errRefused
	case typ == typeApplicationData && len(k.early) < maxEarly:
		k.received.add(r.seq)
		k.early = append(k.early, content)
	}
	return false, nil
}

// joint is a message of which fragments have come.
type joint struct {
	typ  byte
	body []byte
	have []bool
	left int
}

// handshake takes a fragment (RFC 6347 §4.2.3), and every message that is whole by then.
func (k *keyshake) handshake(b []byte) (progress bool, err error) {
	for len(b) >= handshakeHeader {
		typ, size, seq := b[0], uint24(b[1:]), binary.BigEndian.Uint16(b[4:])
		at, n := uint24(b[6:]), uint24(b[9:])
		b = b[handshakeHeader:]
		if n > len(b) || at+n > size || size > maxMessage {
			return progress, nil
		}
		body := b[:n]
		b = b[n:]
		// The server's first flight has no more than that many messages.
		if seq < k.expected || seq > k.expected+4 {
			continue
		}
		j := k.fragments[seq]
		if j == nil {
			j = &joint{typ: typ, body: make([]byte, size), have: make([]bool, size), left: size}
			k.fragments[seq] = j
		}
		if j.typ != typ || len(j.body) != size {
			continue
		}
		for i, c := range body {
			if !j.have[at+i] {
				j.body[at+i], j.have[at+i] = c, true
				j.left--
			}
		}
		for j = k.fragments[k.expected]; j != nil && j.left == 0; j = k.fragments[k.expected] {
			moved, err := k.take(j.typ, j.body)
			if err != nil {
				return progress, err
			}
			progress = progress || moved
		}
	}
	return progress, nil
}
