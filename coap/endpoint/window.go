package endpoint

import (
	"slices"
	"time"
)

// sentBlock is a block from when it was first sent until the peer has it.
type sentBlock struct {
	payload []byte
	more    bool
	mid     uint16 // the same whenever it is sent in a NON message: see bulkSend
	at      time.Time
	times   int
	lost    bool // to be sent again
	arrived bool
}

// sendWindow is what was sent of a body and may have to be sent again. It knows
// neither messages nor timers.
type sendWindow struct {
	base   uint32      // the peer has all blocks below
	blocks []sentBlock // from base on
	flying int         // sent, and neither arrived nor lost
	lost   int
	ended  bool   // the last block is among them, or arrived
	heard  uint32 // the highest progress.next that the peer reported
	named  int    // how many blocks the last report asked for by number
}

// next is the number of the block that was never sent.
func (w *sendWindow) next() uint32 { return w.base + uint32(len(w.blocks)) }

// under is how many bytes of the body have left in blocks of that size and are not known
// to be lost, but that the last block may be shorter.
func (w *sendWindow) under(szx uint8) int64 {
	return block{num: w.next() - uint32(w.lost), szx: szx}.offset()
}

// complete reports whether the peer has everything.
func (w *sendWindow) complete() bool { return w.ended && len(w.blocks) == 0 }

// add appends the next block of the body, which sent must be called for.
func (w *sendWindow) add(payload []byte, more bool, mid uint16) (num uint32) {
	num = w.next()
	w.blocks = append(w.blocks, sentBlock{payload: payload, more: more, mid: mid, lost: true})
	w.lost++
	w.ended = !more
	return num
}

// firstLost is the lowest block that must be sent.
func (w *sendWindow) firstLost() (num uint32, ok bool) {
	if w.lost == 0 {
		return 0, false
	}
	i := slices.IndexFunc(w.blocks, func(b sentBlock) bool { return b.lost })
	return w.base + uint32(i), true
}

// send counts a block as sent at a time, and returns it.
func (w *sendWindow) send(num uint32, at time.Time) *sentBlock {
	b := &w.blocks[num-w.base]
	if b.lost {
		b.lost = false
		w.lost--
		w.flying++
	}
	b.at = at
	b.times++
	return b
}

// left corrects the time at which a block was sent: it had to wait for the link.
func (w *sendWindow) left(num uint32, at time.Time) {
	if num >= w.base {
		w.blocks[num-w.base].at = at
	}
}

// lose has a block that was sent and did not arrive sent again.
func (w *sendWindow) lose(num uint32) {
	if b := &w.blocks[num-w.base]; !b.lost && !b.arrived {
		b.lost = true
		w.lost++
		w.flying--
	}
}

// heardOf is what a report changed.
type heardOf struct {
	arrived, lost int
	// roundTrip is from sending the latest block that is known to have arrived until
	// now, 0 when none tells (Karn's rule, RFC 6298 §3).
	roundTrip time.Duration
}

// report takes what the peer reports. A block that it misses is lost; if it was sent
// again meanwhile, only when that was a round trip ago, for else the report is older.
// One that it does not speak of is lost if it was sent so long ago that it would. A
// report that is older than one before says nothing about what is missing.
func (w *sendWindow) report(p progress, now time.Time, trip, silence time.Duration) (h heardOf) {
	stale := p.next < w.heard
	w.heard = max(w.heard, p.next)
	missing := p.missing
	for i := range w.blocks {
		b, num := &w.blocks[i], w.base+uint32(i)
		for len(missing) > 0 && missing[0] < num {
			missing = missing[1:]
		}
		misses := len(missing) > 0 && missing[0] == num
		switch age := now.Sub(b.at); {
		case b.arrived || stale && num >= p.next:
		case num < p.next && !misses:
			w.arrive(b, &h, age)
		case stale || b.lost:
		case misses && (b.times == 1 || age >= trip), num >= p.next && age >= silence:
			w.lose(num)
			h.lost++
		}
	}
	if max(w.named, len(p.missing)) >= maxMissing {
		h.roundTrip = 0 // it could not speak of all that had come
	}
	w.named = len(p.missing)
	n := 0
	for n < len(w.blocks) && w.blocks[n].arrived {
		n++
	}
	clear(w.blocks[:n]) // what they hold is not needed any more
	w.base += uint32(n)
	w.blocks = w.blocks[n:]
	return h
}

func (w *sendWindow) arrive(b *sentBlock, h *heardOf, age time.Duration) {
	if b.lost {
		w.lost--
	} else {
		w.flying--
	}
	if b.times == 1 {
		h.roundTrip = age
	}
	b.arrived, b.lost = true, false
	h.arrived++
}
