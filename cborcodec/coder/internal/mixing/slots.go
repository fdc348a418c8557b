package mixing

// A slot holds the bit histories of one context for one half of a byte: a check byte,
// and one history for each of the 15 ways the half can have begun.
const (
	slotSize = 16
	// SlotBits is the logarithm of the number of slots.
	SlotBits = 16
	// Slots is the number of slots.
	Slots = 1 << SlotBits
	// probes is how many slots a context may be in.
	probes = 4
)

// home returns the first slot where a context may be, and its check byte, which is
// never 0.
func home(h uint32) (slot uint32, check byte) {
	return h >> (32 - SlotBits), byte(h)%255 + 1
}

// nibbleHash joins the hash of a context with the bits of the byte that are known:
// 1 before the first, 16 to 31 after the fourth.
func nibbleHash(h, partial uint32) uint32 {
	h = (h + partial*0x9E3779B1) * 0x2C1B3C6D
	return h ^ h>>15
}

// find returns where the histories of a context begin in slots, less one. Where no slot
// has the context, the least used of its places becomes its, empty.
func (h *histories) find(slots []byte, context uint32) (at uint32, fresh bool) {
	slot, check := home(context)
	victim, least := slot*slotSize, byte(255)
	for i := range uint32(probes) {
		at := (slot ^ i) * slotSize
		s := (*[2]byte)(slots[at:])
		if s[0] == check {
			return at, false
		}
		if s[0] == 0 {
			victim, least = at, 0
			break
		}
		if t := h.total[s[1]]; t < least {
			victim, least = at, t
		}
	}
	*(*[slotSize]byte)(slots[victim:]) = [slotSize]byte{check}
	return victim, true
}
