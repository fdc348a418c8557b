package dtls

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/pion/dtls/v3/pkg/crypto/ccm"
	"golang.org/x/crypto/chacha20poly1305"
)

// epoch of all protected records: there is no renegotiation.
const epoch = 1

// maxSequence is the highest sequence number of a record (RFC 6347 §4.1).
const maxSequence = 1<<48 - 1

const (
	nonceSize     = 12
	explicitNonce = 8 // RFC 5288 §3, RFC 6655 §3
)

// protector protects the records of one direction. It has no state but its keys.
type protector struct {
	aead cipher.AEAD
	// iv is XORed with the sequence number (RFC 7905 §2) or, where the record
	// carries the rest of the nonce, its first four bytes precede that.
	iv       [nonceSize]byte
	explicit bool
	// cid is sent with each record; without one the record type is the content's
	// (RFC 9146 §4).
	cid []byte
}

func newProtector(s Suite, key, iv, cid []byte) (*protector, error) {
	row, ok := s.row()
	if !ok || len(key) != row.cipher.keySize() || len(iv) != row.cipher.ivSize() {
		return nil, fmt.Errorf("dtls: no keys for suite %v", s)
	}
	p := &protector{cid: cid, explicit: row.cipher != chaCha20}
	copy(p.iv[:], iv)
	if row.cipher == chaCha20 {
		var err error
		p.aead, err = chacha20poly1305.New(key)
		return p, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if row.cipher == aesGCM {
		p.aead, err = cipher.NewGCM(block)
	} else {
		p.aead, err = ccm.NewCCM(block, 8, nonceSize) // RFC 6655 §4
	}
	return p, err
}

// overhead is what a record adds to its content, in bytes.
func (p *protector) overhead() int {
	n := recordHeader + p.aead.Overhead()
	if p.explicit {
		n += explicitNonce
	}
	if len(p.cid) > 0 {
		n += len(p.cid) + 1 // and the content type inside
	}
	return n
}

// seal appends a record to dst. Two calls with one sequence number would give the
// keys away.
func (p *protector) seal(dst []byte, typ uint8, seq uint64, content []byte) []byte {
	number := epoch<<48 | seq
	outer := typ
	if len(p.cid) > 0 {
		outer = typeCID
	}
	dst = append(dst, outer, versionMajor, versionMinor)
	dst = binary.BigEndian.AppendUint64(dst, number)
	dst = append(dst, p.cid...)
	dst = append(dst, 0, 0)
	header := len(dst)
	if p.explicit {
		dst = binary.BigEndian.AppendUint64(dst, number)
	}
	text := len(dst)
	dst = append(dst, content...)
	if len(p.cid) > 0 {
		dst = append(dst, typ) // DTLSInnerPlaintext, RFC 9146 §4
	}
	var nonce [nonceSize]byte
	p.nonce(&nonce, number)
	var room [maxAdditional]byte
	additional := p.additional(room[:0], outer, number, len(dst)-text)
	dst = p.aead.Seal(dst[:text], nonce[:], dst[text:], additional)
	binary.BigEndian.PutUint16(dst[header-2:], uint16(len(dst)-header))
	return dst
}

// open returns the content of a record and its true type; false when the record
// is not authentic. The result shares no memory with the record.
func (p *protector) open(r record) (typ uint8, content []byte, ok bool) {
	if r.epoch != epoch || !bytes.Equal(r.cid, p.cid) || (r.typ == typeCID) != (len(p.cid) > 0) ||
		r.raw[1] != versionMajor || r.raw[2] != versionMinor {
		return 0, nil, false
	}
	body := r.body
	number := epoch<<48 | r.seq
	var nonce [nonceSize]byte
	p.nonce(&nonce, number)
	if p.explicit {
		if len(body) < explicitNonce {
			return 0, nil, false
		}
		copy(nonce[nonceSize-explicitNonce:], body)
		body = body[explicitNonce:]
	}
	n := len(body) - p.aead.Overhead()
	if n < 0 {
		return 0, nil, false
	}
	var room [maxAdditional]byte
	content, err := p.aead.Open(nil, nonce[:], body, p.additional(room[:0], r.typ, number, n))
	if err != nil {
		return 0, nil, false
	}
	if r.typ != typeCID {
		return r.typ, content, true
	}
	// The true type is the last byte that is not padding.
	for n = len(content) - 1; n >= 0; n-- {
		if content[n] != 0 {
			return content[n], content[:n], true
		}
	}
	return 0, nil, false
}

// nonce writes the nonce of a record whose epoch and sequence number are number.
func (p *protector) nonce(n *[nonceSize]byte, number uint64) {
	*n = p.iv
	tail := n[nonceSize-explicitNonce:]
	if p.explicit {
		binary.BigEndian.PutUint64(tail, number)
	} else {
		binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^number)
	}
}

// maxAdditional is the longest additional data with a Connection ID of ours.
const maxAdditional = 23 + 8

// additional appends the additional data of a record with n bytes of plaintext:
// RFC 5246 §6.2.3.3, or RFC 9146 §5.3 where there is a Connection ID.
func (p *protector) additional(b []byte, typ uint8, number uint64, n int) []byte {
	if len(p.cid) > 0 {
		b = binary.BigEndian.AppendUint64(b, ^uint64(0))
		b = append(b, typeCID, uint8(len(p.cid)), typeCID, versionMajor, versionMinor)
		b = binary.BigEndian.AppendUint64(b, number)
		b = append(b, p.cid...)
	} else {
		b = binary.BigEndian.AppendUint64(b, number)
		b = append(b, typ, versionMajor, versionMinor)
	}
	return binary.BigEndian.AppendUint16(b, uint16(n))
}
