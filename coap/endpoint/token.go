package endpoint

import "time"

// token is a token in comparable form.
type token struct {
	n uint8
	b [maxTokenLen]byte
}

func tokenOf(b []byte) token {
	t := token{n: uint8(len(b))}
	copy(t.b[:], b)
	return t
}

func (t *token) bytes() []byte { return t.b[:t.n] }

// replayWindow is the number of newer datagrams after which an older one is no
// longer accepted: the size of the DTLS replay window (RFC 6347 §4.1.2.6).
const replayWindow = 64

// tokens hands out the tokens of one session: short, never empty (RFC 9175 §4),
// and never one whose late response could still arrive. A token of one byte is
// used again only when replayWindow datagrams were accepted from the peer since
// its exchange ended, because DTLS does not bind a response to its request;
// until then tokens have three bytes. The response to a request that was given up may
// come at any later time: its token of one byte rests until it has come. One of three
// bytes comes round after 65,536 exchanges anyway.
//
// A session may outlive its process, which does not know what earlier lives of it
// have asked: the peer may answer that at any time, and somebody may replay what it
// answered. So a later life names itself in each token, and no life has a token of
// another one (up to 255 lives later): b in the first and (life, b) in later ones, or
// (life, two bytes) in any.
type tokens struct {
	life    uint8
	fresh   int              // short tokens below were handed out before
	ended   []endedToken     // short tokens free again, the oldest first
	owed    map[token]uint16 // short tokens that rest, with the request's message ID
	resting []restingToken   // short tokens whose blocks may be under way
	wide    uint16           // the next three-byte token
	inUse   map[token]bool   // of three bytes
}

// newTokens makes the tokens of a session that has had so many lives.
func newTokens(lives uint32) tokens {
	if lives == 0 {
		return tokens{}
	}
	return tokens{life: uint8(1 + (lives-1)%255)}
}

// short is the short token that ends in b.
func (t *tokens) short(b byte) token {
	if t.life == 0 {
		return token{n: 1, b: [maxTokenLen]byte{b}}
	}
	return token{n: 2, b: [maxTokenLen]byte{t.life, b}}
}

// isShort tells a short token, and how it ends.
func (tok token) isShort() (b byte, ok bool) {
	switch tok.n {
	case 1, 2:
		return tok.b[tok.n-1], true
	default:
		return 0, false
	}
}

type endedToken struct {
	b        byte
	received uint64 // datagrams received when the exchange ended
}

type restingToken struct {
	b     byte
	until time.Time
}

func (t *tokens) take(received uint64) token {
	if t.fresh < 256 {
		t.fresh++
		return t.short(byte(t.fresh - 1))
	}
	for len(t.resting) > 0 && !time.Now().Before(t.resting[0].until) {
		t.ended = append(t.ended, endedToken{t.resting[0].b, received})
		t.resting = t.resting[1:]
	}
	if len(t.ended) > 0 && received >= t.ended[0].received+replayWindow {
		b := t.ended[0].b
		t.ended = t.ended[1:]
		return t.short(b)
	}
	if t.inUse == nil {
		t.inUse = make(map[token]bool)
	}
	for {
		tok := token{n: 3, b: [maxTokenLen]byte{t.life, byte(t.wide >> 8), byte(t.wide)}}
		t.wide++
		if !t.inUse[tok] {
			t.inUse[tok] = true
			return tok
		}
	}
}

// release ends the exchange of a token.
func (t *tokens) release(tok token, received uint64) {
	if b, ok := tok.isShort(); ok {
		t.ended = append(t.ended, endedToken{b, received})
		return
	}
	delete(t.inUse, tok)
}

// rest ends the exchange of a token with which datagrams may arrive until then.
func (t *tokens) rest(tok token, until time.Time) {
	b, ok := tok.isShort()
	if !ok {
		t.release(tok, 0)
		return
	}
	t.resting = append(t.resting, restingToken{b, until})
}

// abandon ends the exchange of a token whose last request, of that message ID, may
// still be answered.
func (t *tokens) abandon(tok token, mid uint16, received uint64) {
	if _, ok := tok.isShort(); !ok {
		t.release(tok, received)
		return
	}
	if t.owed == nil {
		t.owed = make(map[token]uint16)
	}
	t.owed[tok] = mid
}

// answered is called for a response that belongs to no exchange; mid is that of the
// request, where the response tells. A token that rested for it is free again.
func (t *tokens) answered(tok token, mid *uint16, received uint64) {
	asked, owed := t.owed[tok]
	if owed && (mid == nil || *mid == asked) {
		delete(t.owed, tok)
		t.release(tok, received)
	}
}
