package dtls

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"net"
	"time"
)

// ResetToken ends a session that its server has lost (a stateless reset, as in
// RFC 9000 §10.3). The server tells it inside the session, while it has it; a
// datagram that ends with it later says that the session is gone.
type ResetToken = [16]byte

// resetSize is a reset's length: a record with nothing in it but the token.
const resetSize = recordHeader + len(ResetToken{})

// resetKeySize is the length of the key from which tokens are made.
const resetKeySize = 32

// resetsPerSecond bounds what strangers can have from resets.
const resetsPerSecond = 20

// resetter answers records of sessions that are not there any more.
type resetter struct {
	key  []byte // nil sends no resets
	rate bucket
	// revealed are the Connection IDs whose tokens were sent in clear. New sessions
	// get others, or where none is left, no token: strangers can have that they learn
	// of a loss as late as any peer of a server without resets, and no more.
	revealed cidSet
}

func newResetter(key []byte) resetter {
	return resetter{key: key, rate: bucket{perSecond: resetsPerSecond}}
}

// resetKey returns the key for reset tokens, nil for no resets.
func (c Config) resetKey() ([]byte, error) {
	if len(c.ResetKey) > 0 && len(c.ResetKey) != resetKeySize {
		return nil, fmt.Errorf("dtls: a reset key has %d bytes, not %d", resetKeySize, len(c.ResetKey))
	}
	if c.ResetKey != nil || c.Store == nil {
		return c.ResetKey, nil
	}
	key, err := c.Store.Load(resetKeyName)
	if err != nil {
		return nil, fmt.Errorf("dtls: store not read: %w", err)
	}
	if len(key) == resetKeySize {
		return key, nil
	}
	key = make([]byte, resetKeySize)
	rand.Read(key) // never fails
	if err := c.Store.Commit(map[string][]byte{resetKeyName: key}); err != nil {
		return nil, fmt.Errorf("dtls: store not written: %w", err)
	}
	return key, nil
}

// token is the same for a Connection ID however often the server forgets
// everything but its key.
func (r *resetter) token(c cid) (t ResetToken) {
	m := hmac.New(sha256.New, r.key)
	m.Write([]byte("coapgw stateless reset"))
	m.Write(c.bytes())
	copy(t[:], m.Sum(nil))
	return t
}

// answer returns the reset for a datagram of n bytes, nil for none: it is never
// larger than what came in, and rare. It looks like a record with a random
// number.
func (r *resetter) answer(c cid, n int, now time.Time) []byte {
	if r.key == nil || n < resetSize || !r.rate.take(now) {
		return nil
	}
	r.revealed.add(c)
	b := []byte{typeApplicationData, versionMajor, versionMinor, 0, epoch, 0, 0}
	var number [4]byte
	rand.Read(number[:])
	b = append(b, number[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(ResetToken{})))
	t := r.token(c)
	return append(b, t[:]...)
}

// ResetToken returns what the server has to tell the client, once and inside the
// session, so that it can learn with one datagram when the server has lost the
// session. ok is false on a client, without Connection ID, when the server has no
// key for it, and when strangers have seen the tokens of all Connection IDs.
func (c *Conn) ResetToken() (t ResetToken, ok bool) {
	p := c.resetToken.Load()
	if !c.server || p == nil {
		return ResetToken{}, false
	}
	return *p, true
}

// SetResetToken tells a client the token that it got from its server. It fails
// when the session's store does; the token is in use all the same.
func (c *Conn) SetResetToken(t ResetToken) error {
	if c.server {
		return nil
	}
	c.resetToken.Store(&t)
	return c.save(resetKey, t[:])
}

// checkReset looks at a datagram in which nothing was authentic. Anyone can send
// one, but the token is known only to who made the session, and to the path once
// it was used.
func (c *Conn) checkReset(b []byte) {
	t := c.resetToken.Load()
	if c.server || t == nil || len(b) < resetSize {
		return
	}
	if subtle.ConstantTimeCompare(b[len(b)-len(t):], t[:]) == 1 {
		c.lost(ErrReset)
	}
}

// reset tells a client that its session is not there any more.
func (l *Listener) reset(c cid, b []byte, from net.Addr) {
	l.mu.Lock()
	answer := l.resets.answer(c, len(b), time.Now())
	l.mu.Unlock()
	if answer == nil {
		return
	}
	l.stats.resets.Add(1)
	l.cfg.outgoing().count(answer)
	if _, err := l.pc.WriteTo(answer, from); err != nil {
		l.stats.sendErrors.Add(1)
	}
}
