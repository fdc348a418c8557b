package mixing

// A slot holds the bit histories of one context for one half of a byte: a check byte,
// and one history for each of the 15 ways the half can have begun.
const (
	slotSize = 16
	// SlotBits is the logarithm of the number of slots.
	SlotBits = 17
	// Slots is the number of slots.
	Slots = 1 << SlotBits
	// probes is how many slots a context may be in.
	probes = 4
)

type (
	slot  [slotSize]byte
	table [Slots]slot
)

// home returns the first slot where a context may be, and its check byte, which is
// never 0.
func home(h uint32) (number uint32, check byte) {
	return h >> (32 - SlotBits), byte(h)%255 + 1
}

// nibbleHash joins the hash of a context with the bits of the byte that are known:
// 1 before the first, 16 to 31 after the fourth.
func nibbleHash(h, partial uint32) uint32 {
	h = (h + partial*0x9E3779B1) * 0x2C1B3C6D
	return h ^ h>>15
}

// find returns the number of the slot of a context, and whether no slot had it: then it is
// the least used of its places, to become its with the check byte and otherwise empty.
func (h *histories) find(t *table, context uint32) (number uint32, check byte, fresh bool) {
	home, check := home(context)
	victim, least := home, byte(255)
	for i := range uint32(probes) {
		n := home ^ i
		s := &t[n&(Slots-1)]
		if s[0] == check {
			return n, check, false
		}
		if s[0] == 0 {
			victim = n
			break
		}
		if total := h.total[s[1]]; total < least {
			victim, least = n, total
		}
	}
	return victim, check, true
}

// undo is what takes a table back to where it was before a message.
type undo struct {
	seen  [Slots / 32]uint32 // a bit for each slot that is saved
	saved []savedSlot
}

type savedSlot struct {
	number uint32
	slot   slot
}

// newUndo returns one with room for what some hundred bytes change.
func newUndo() *undo { return &undo{saved: make([]savedSlot, 0, 1<<13)} }

// save notes a slot before it changes.
func (u *undo) save(number uint32, s *slot) {
	word, bit := &u.seen[number/32%(Slots/32)], uint32(1)<<(number%32)
	if *word&bit == 0 {
		*word |= bit
		u.saved = append(u.saved, savedSlot{number, *s})
	}
}

// restore takes back all changes.
func (u *undo) restore(t *table) {
	for i := range u.saved {
		n := u.saved[i].number
		t[n&(Slots-1)] = u.saved[i].slot
		u.seen[n/32%(Slots/32)] = 0
	}
	u.saved = u.saved[:0]
}
