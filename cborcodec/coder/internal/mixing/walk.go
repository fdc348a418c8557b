package mixing

// Visit is one half byte of a message in all of its contexts: their hashes, and the
// half byte itself.
type Visit struct {
	Contexts [Contexts]uint32
	Half     byte
}

// Walk calls visit for each half byte of a message, of the length before it and of the end
// behind it, in order. A message that does not delimit itself counts as the beginning of
// one.
func (m *Model) Walk(prelude, message []byte, visit func(*Visit)) {
	var c contexts
	var match matcher
	c.reset(prelude)
	var v Visit
	see := func(b byte) {
		v.Half = b >> 4
		for j, h := range c.hashes {
			v.Contexts[j] = nibbleHash(h, 1)
		}
		visit(&v)
		v.Half = b & 15
		for j, h := range c.hashes {
			v.Contexts[j] = nibbleHash(h, 16|uint32(b>>4))
		}
		visit(&v)
	}
	see(0)
	c.count(0)
	c.compute(0)
	for i, b := range message {
		if !c.opaque(&match) {
			see(b)
		}
		c.add(b)
		match.add(m.Dictionary, m.dictionaryIndex, message[:i+1], uint32(c.recent))
		c.compute(match.expected | uint32(match.level())<<8)
	}
	if new(structure).delimits(message) {
		see(end)
	}
}

// Path calls f for each bit of half with the number of its history in a slot.
func Path(half byte, f func(history, bit int)) {
	node := 1
	for i := 3; i >= 0; i-- {
		bit := int(half>>i) & 1
		f(node, bit)
		node = node<<1 | bit
	}
}

// SlotCounts are counts of zeros and ones for each history of a slot; the first is unused.
type SlotCounts [slotSize][2]uint16

// Prime gives a context the bit histories of counts, unless all of its
// places are taken.
func (m *Model) Prime(context uint32, counts *SlotCounts) bool {
	home, check := home(context)
	for i := range uint32(probes) {
		s := &m.Slots[home^i]
		if s[0] == check {
			return false
		}
		if s[0] == 0 {
			s[0] = check
			for node := 1; node < slotSize; node++ {
				if m.reached(s, node) {
					s[node] = m.histories.History(Counts{int(counts[node][0]), int(counts[node][1])})
				}
			}
			return true
		}
	}
	return false
}
