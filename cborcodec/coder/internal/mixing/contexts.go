package mixing

// Contexts is how many contexts each bit is seen in.
const Contexts = 16

// ordered is how many of them, from the first, count for the choice of weights.
const ordered = 7

// KindContext is the number of the context that knows only what kind the byte is.
const KindContext = 11

// contexts computes, at each byte, what the contexts of the next byte are.
type contexts struct {
	structure structure
	// recent are the last eight bytes, the newest lowest.
	recent uint64
	// word is the run of letters that the message ends with, before is the one
	// before that.
	word, before uint32
	// hashes are the contexts, one each.
	hashes [Contexts]uint32
}

// reset begins a message after the bytes of prelude, which both sides know.
func (c *contexts) reset(prelude []byte) {
	*c = contexts{}
	c.structure.reset(prelude)
	for _, b := range prelude {
		c.recent = c.recent<<8 | uint64(b)
	}
	c.compute(0)
}

// count takes the next byte of the length.
func (c *contexts) count(b byte) {
	c.structure.count(b)
}

// counting says that the length is not complete.
func (c *contexts) counting() bool { return c.structure.kind == kindCount }

// add takes the next byte.
func (c *contexts) add(b byte) {
	c.recent = c.recent<<8 | uint64(b)
	c.structure.add(b)
	if isLetter(b) {
		c.word = hash(c.word, uint32(b))
	} else if c.word != 0 {
		c.before, c.word = c.word, 0
	}
}

// compute fills in hashes. expected is what the match model foretells: the byte and
// how sure it is.
func (c *contexts) compute(expected uint32) {
	s := &c.structure
	low, high := uint32(c.recent), uint32(c.recent>>32)
	kind := uint32(s.kind)
	c.hashes = [Contexts]uint32{
		hash(low&0xff, kind<<8|1),
		hash(low&0xffff, 2),
		hash(low&0xffffff, 3),
		hash(low, 4),
		hash(low, high&0xff<<8|5),
		hash(s.path, s.item+6),
		hash(s.field, (low&0xff)<<16|min(s.at, 255)<<8|7),
		hash(c.word, (low&0xff)<<8|8),
		hash(s.item, 9),
		hash(hash(s.path, s.previous), s.item+10),
		hash(c.word, c.before+11),
		hash(kind, 12),
		hash(expected, 13),
		hash(hash(s.topic(), s.path), s.item+16),
		hash(hash(s.field, s.before()), s.item+14),
		hash(hash(s.field, c.word), s.at<<8|15),
	}
}

// opaqueFrom is how many bytes of a byte string are seen in contexts: some begin alike,
// such as ciphertext. The others are hashes, keys and ciphertext.
const opaqueFrom = 8

// opaque says that nothing foretells the next byte, so time spent on it is wasted.
func (c *contexts) opaque(m *matcher) bool {
	return c.structure.kind == kindBytes && c.structure.at >= opaqueFrom && m.length == 0
}

// before is the last value that the field had, or else how the sender writes.
func (s *structure) before() uint32 {
	if last := s.last[s.field>>24]; last != 0 {
		return last
	}
	return s.levels[s.depth].manner
}

// topic is what the message, or the object, says it is, and outside of objects how the
// sender writes.
func (s *structure) topic() uint32 {
	l := &s.levels[s.depth]
	return l.topic ^ l.manner
}

func isLetter(b byte) bool { return b|0x20-'a' < 26 || b >= 0x80 }
