//go:build coapgw_psk

package dtls

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// take takes the message of the peer that is next.
func (k *keyshake) take(typ byte, body []byte) (progress bool, err error) {
	seq := k.expected
	delete(k.fragments, seq)
	k.expected++
	if typ == msgHelloVerifyRequest {
		return k.helloVerify(body)
	}
	k.transcript.Write(append(header(typ, seq, len(body)), body...))
	switch {
	case typ == msgServerHello && k.suite == 0:
		return false, k.serverHello(body)
	case typ == msgServerKeyExchange && k.suite != 0 && !k.answered:
		return false, k.serverKeyExchange(body)
	case typ == msgServerHelloDone && k.suite != 0 && len(body) == 0:
		return true, k.keyExchange()
	}
	return false, errHandshake
}

// helloVerify has the second ClientHello return the cookie (RFC 6347 §4.2.1). Neither the
// first one nor the request is covered by Finished.
func (k *keyshake) helloVerify(body []byte) (progress bool, err error) {
	if len(body) < 2 || k.cookie != nil || k.suite != 0 {
		return false, errHandshake
	}
	cookie, rest, ok := vector8(body[2:])
	if !ok || len(rest) > 0 || len(cookie) == 0 {
		return false, errHandshake
	}
	k.cookie = slices.Clone(cookie)
	k.transcript.Reset()
	k.plain = [][]byte{k.message(msgClientHello, k.hello(clientSuites(true, k.cfg.RequireForwardSecrecy, k.cfg.Profile)))}
	return true, nil
}

// serverHello takes what the server has chosen (RFC 5246 §7.4.1.3).
func (k *keyshake) serverHello(b []byte) error {
	if len(b) < 2+len(k.server) || b[0] != versionMajor || b[1] != versionMinor {
		return errHandshake
	}
	copy(k.server[:], b[2:])
	_, b, ok := vector8(b[2+len(k.server):]) // session_id
	if !ok || len(b) < 3 || b[2] != 0 {      // compression
		return errHandshake
	}
	k.suite = Suite(binary.BigEndian.Uint16(b))
	if !slices.Contains(clientSuites(true, k.cfg.RequireForwardSecrecy, k.cfg.Profile), k.suite) {
		return errHandshake
	}
	ext, rest, ok := vector16(b[3:])
	if !ok || len(rest) > 0 {
		return errHandshake // without extensions there is no extended master secret
	}
	for len(ext) > 0 {
		if len(ext) < 2 {
			return errHandshake
		}
		typ := binary.BigEndian.Uint16(ext)
		var value []byte
		if value, ext, ok = vector16(ext[2:]); !ok {
			return errHandshake
		}
		switch typ {
		case extExtendedMasterSecret:
			k.extended = true
		case extConnectionID:
			cid, rest, ok := vector8(value)
			if !ok || len(rest) > 0 || len(cid) > maxCID || k.hasCID {
				return errHandshake
			}
			k.cid, k.hasCID = slices.Clone(cid), true
		}
	}
	if !k.extended {
		return errHandshake
	}
	return nil
}

// serverKeyExchange takes the server's share (RFC 5489 §2), behind a hint of which key to use
// (RFC 4279 §5.2), of which we have one.
func (k *keyshake) serverKeyExchange(b []byte) error {
	k.answered = true
	_, b, ok := vector16(b)
	if !ok {
		return errHandshake
	}
	if !k.suite.ForwardSecret() {
		if len(b) > 0 {
			return errHandshake
		}
		return nil
	}
	if len(b) < 3 || b[0] != namedCurve || binary.BigEndian.Uint16(b[1:]) != groupX25519 {
		return errHandshake
	}
	public, rest, ok := vector8(b[3:])
	if !ok || len(rest) > 0 {
		return errHandshake
	}
	k.public = slices.Clone(public)
	return nil
}

// keyExchange makes our second flight and the keys.
func (k *keyshake) keyExchange() error {
	// RFC 4279 §2: without forward secrecy, as many zeros as the key is long.
	secret := make([]byte, len(k.cfg.Key))
	body := binary.BigEndian.AppendUint16(nil, uint16(len(k.cfg.Identity)))
	body = append(body, k.cfg.Identity...)
	if k.suite.ForwardSecret() {
		public, err := ecdh.X25519().NewPublicKey(k.public)
		if err != nil {
			return errHandshake
		}
		if secret, err = k.share.ECDH(public); err != nil {
			return errHandshake
		}
		own := k.share.PublicKey().Bytes()
		body = append(append(body, byte(len(own))), own...)
	}
	premaster := binary.BigEndian.AppendUint16(nil, uint16(len(secret)))
	premaster = append(premaster, secret...)
	premaster = binary.BigEndian.AppendUint16(premaster, uint16(len(k.cfg.Key)))
	premaster = append(premaster, k.cfg.Key...)

	k.plain = [][]byte{k.message(msgClientKeyExchange, body)}
	// RFC 7627 §4: the session hash covers all up to here.
	k.master = pseudorandom(premaster, "extended master secret", k.transcript.Sum(nil), masterSecretSize)
	row, _ := k.suite.row()
	key, iv := row.cipher.keySize(), row.cipher.ivSize()
	block := pseudorandom(k.master, "key expansion", slices.Concat(k.server[:], k.random[:]), 2*key+2*iv)
	k.keys = secrets{
		suite: k.suite,
		own:   keyBlock{key: block[:key], iv: block[2*key : 2*key+iv], cid: k.cid},
		peer:  keyBlock{key: block[key : 2*key], iv: block[2*key+iv:]},
	}
	var err error
	if k.own, k.peer, err = k.keys.protectors(); err != nil {
		return err
	}
	k.finished = append(header(msgFinished, k.sent, verifySize), k.verify("client finished")...)
	k.sent++
	k.transcript.Write(k.finished)
	return nil
}

// verify is verify_data of a Finished (RFC 5246 §7.4.9).
func (k *keyshake) verify(label string) []byte {
	return pseudorandom(k.master, label, k.transcript.Sum(nil), verifySize)
}

// pseudorandom is the pseudorandom function of all suites of ours (RFC 5246 §5).
func pseudorandom(secret []byte, label string, seed []byte, size int) []byte {
	labelled := append([]byte(label), seed...)
	m := hmac.New(sha256.New, secret)
	var out []byte
	for a := labelled; len(out) < size; {
		m.Reset()
		m.Write(a)
		a = m.Sum(nil)
		m.Reset()
		m.Write(a)
		m.Write(labelled)
		out = m.Sum(out)
	}
	return out[:size]
}
