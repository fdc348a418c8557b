package coap

// maxSlot is the highest slot number: two bytes of OptionSlot.
const maxSlot = 1<<16 - 1

// anonymousSlot is the slot that stands for "no token".
const anonymousSlot = 0

// impliedSlot is the slot that a request without OptionSlot uses, because most
// sessions carry one user.
const impliedSlot = 1

// clientSlots is what a client remembers of the token slots of one session. Slot
// numbers grow and are never given to another token. The least recently used token is
// forgotten when there are more than the server remembers: whoever asks through this end
// may come up with any number of them. It is not safe for concurrent use.
type clientSlots struct {
	last    uint32
	clock   uint64
	byToken map[string]*clientSlot
}

type clientSlot struct {
	number uint32
	// confirmed: a response was produced after the server stored the slot, so it
	// may be used without the token.
	confirmed bool
	used      uint64 // when, by clientSlots.clock
}

// slot returns the slot of a token and gives it one when it has none; ok is false
// when the numbers are used up.
func (c *clientSlots) slot(token string) (s clientSlot, ok bool) {
	c.clock++
	if s := c.byToken[token]; s != nil {
		s.used = c.clock
		return *s, true
	}
	if c.last == maxSlot {
		return clientSlot{}, false
	}
	c.last++
	c.put(token, clientSlot{number: c.last, used: c.clock})
	return *c.byToken[token], true
}

// put adds the slot of a token.
func (c *clientSlots) put(token string, s clientSlot) {
	if c.byToken == nil {
		c.byToken = make(map[string]*clientSlot)
	}
	if len(c.byToken) >= maxServerSlots {
		oldest, at := "", ^uint64(0)
		for t, slot := range c.byToken {
			if slot.used < at {
				oldest, at = t, slot.used
			}
		}
		delete(c.byToken, oldest)
	}
	c.byToken[token] = &s
}

// confirm records that the server answered after it stored the slot.
func (c *clientSlots) confirm(token string, number uint32) {
	if s := c.byToken[token]; s != nil && s.number == number {
		s.confirmed = true
	}
}

// forget drops a slot that the server says it does not know; the token gets a
// new number at its next use.
func (c *clientSlots) forget(token string, number uint32) {
	if s := c.byToken[token]; s != nil && s.number == number {
		delete(c.byToken, token)
	}
}

// maxServerSlots bounds the slots that a server remembers for one session.
const maxServerSlots = 256

// serverSlots is what a server remembers of the token slots of one session. The
// least recently used slot is forgotten when there are too many. It is not safe
// for concurrent use.
type serverSlots struct {
	clock  uint64
	byName map[uint32]*serverSlot
}

type serverSlot struct {
	token string
	used  uint64
}

// define stores a token under a number. It reports false when the number stands
// for another token already: a slot is never redefined.
func (s *serverSlots) define(number uint32, token string) bool {
	s.clock++
	if known := s.byName[number]; known != nil {
		known.used = s.clock
		return known.token == token
	}
	if s.byName == nil {
		s.byName = make(map[uint32]*serverSlot)
	}
	if len(s.byName) >= maxServerSlots {
		s.evict()
	}
	s.byName[number] = &serverSlot{token: token, used: s.clock}
	return true
}

func (s *serverSlots) evict() {
	oldest, at := uint32(0), ^uint64(0)
	for n, slot := range s.byName {
		if slot.used < at {
			oldest, at = n, slot.used
		}
	}
	delete(s.byName, oldest)
}

// token returns the token of a slot.
func (s *serverSlots) token(number uint32) (string, bool) {
	slot := s.byName[number]
	if slot == nil {
		return "", false
	}
	s.clock++
	slot.used = s.clock
	return slot.token, true
}
