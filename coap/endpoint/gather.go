package endpoint

import (
	"bytes"
	"slices"
	"time"
)

// hole is a run of blocks that did not come while a later one did.
type hole struct {
	from, to uint32    // the first, and the one behind the last
	at       time.Time // when that was seen
}

const (
	// earlyCost is about what a block that came early takes beside its bytes, and leastEarly how
	// many may come early in any case.
	earlyCost  = 128
	leastEarly = 16
)

// gathering puts the blocks of a body together in whatever order they come. It
// knows neither messages nor timers.
type gathering struct {
	szx       uint8
	begun     bool              // szx is known
	next      uint32            // the first block not handed on
	high      uint32            // all blocks that came are below
	ended     bool              // the last block came: it is high-1
	early     map[uint32][]byte // blocks from next on
	holes     []hole            // ascending, in number and in time
	unread    [][]byte          // what is below next, for the reader
	keeps     bool              // what was read, see keep
	kept      [][]byte          // all blocks below next; nil when there are none, or too many
	keptBytes int
	shelf     *shelf // what keptBytes counts against
	waiting   int    // bytes of unread
	ahead     int    // bytes of early
	limit     int    // of waiting, and of both but for what makes early blocks readable
}

// size is the length of a block that is not the last.
func (g *gathering) size() int { return block{szx: g.szx}.size() }

// full reports whether the reader must read before more is asked for.
func (g *gathering) full() bool { return g.waiting >= g.limit/2 }

// complete reports whether all blocks came.
func (g *gathering) complete() bool { return g.ended && g.next == g.high }

// has reports whether a block came.
func (g *gathering) has(num uint32) bool {
	_, early := g.early[num]
	return num < g.next || early
}

// add takes a block. fresh is false when it came before, or is further ahead than a
// sender may be. A block that contradicts those before is a *BlockError.
func (g *gathering) add(b block, payload []byte, now time.Time) (fresh bool, err error) {
	if !g.begun {
		g.begun, g.szx = true, b.szx
	}
	legal := b.szx == g.szx && len(payload) > 0 && len(payload) <= b.size() && (!b.more || len(payload) == b.size())
	last := !b.more
	if !legal || g.ended && (b.num >= g.high || last && b.num != g.high-1) || last && b.num+1 < g.high {
		return false, g.fail("block does not belong to the body")
	}
	awaited := b.num == g.next
	tooFar := int(b.num-min(b.num, g.next)) >= min(2*maxWindowBlocks, g.limit/b.size())
	held := g.waiting + len(payload)
	if !awaited { // those ahead never take the place of the one that makes them readable
		held += g.ahead
	}
	many := !awaited && len(g.early) >= max(g.limit/earlyCost, leastEarly)
	if g.has(b.num) || tooFar || many || held > g.limit {
		return false, nil
	}
	if b.num > g.high {
		g.holes = append(g.holes, hole{g.high, b.num, now})
	}
	if b.num >= g.high {
		g.high = b.num + 1
	} else {
		g.fill(b.num)
	}
	if len(payload) < maxBlockSize {
		payload = bytes.Clone(payload) // the datagram around it may be much longer
	}
	g.ended = g.ended || last
	if !awaited {
		g.ahead += len(payload)
		if g.early == nil {
			g.early = make(map[uint32][]byte)
		}
		g.early[b.num] = payload
		return true, nil
	}
	g.ahead += len(payload)
	for ok := true; ok; payload, ok = g.early[g.next] {
		delete(g.early, g.next)
		g.ahead -= len(payload)
		g.waiting += len(payload)
		g.pile(payload)
		if g.keeps {
			g.keep(payload)
		}
		g.next++
	}
	return true, nil
}

// pile puts a block behind what is to be read. Small ones lie together.
func (g *gathering) pile(payload []byte) {
	if n := len(g.unread); n > 0 && cap(g.unread[n-1])-len(g.unread[n-1]) >= len(payload) {
		g.unread[n-1] = append(g.unread[n-1], payload...)
		return
	}
	if len(payload) < maxBlockSize && len(g.unread) > 0 {
		payload = append(make([]byte, 0, maxBlockSize), payload...)
	}
	g.unread = append(g.unread, payload)
}

// hole returns the run to which a block belongs that did not come.
func (g *gathering) hole(num uint32) (i int, ok bool) {
	i, ok = slices.BinarySearchFunc(g.holes, num, func(h hole, n uint32) int {
		switch {
		case h.to <= n:
			return -1
		case h.from > n:
			return 1
		}
		return 0
	})
	return i, ok
}

// fill takes a block out of the run to which it belongs.
func (g *gathering) fill(num uint32) {
	i, ok := g.hole(num)
	if !ok {
		return
	}
	switch h := g.holes[i]; {
	case h.to-h.from == 1:
		g.holes = slices.Delete(g.holes, i, i+1)
	case h.from == num:
		g.holes[i].from++
	case h.to-1 == num:
		g.holes[i].to--
	default:
		g.holes[i].to = num
		g.holes = slices.Insert(g.holes, i+1, hole{num + 1, h.to, h.at})
	}
}

// missed reports whether a block was seen to be missing before a time: it was lost, not
// just overtaken.
func (g *gathering) missed(num uint32, before time.Time) bool {
	i, ok := g.hole(num)
	return ok && g.holes[i].at.Before(before)
}

func (g *gathering) fail(reason string) error {
	return &BlockError{Offset: block{num: g.next, szx: g.szx}.offset(), Reason: reason}
}

// read hands out bytes in order.
func (g *gathering) read(p []byte) (n int) {
	for n < len(p) && len(g.unread) > 0 {
		k := copy(p[n:], g.unread[0])
		n += k
		if g.unread[0] = g.unread[0][k:]; len(g.unread[0]) == 0 {
			g.unread[0] = nil
			g.unread = g.unread[1:]
		}
	}
	g.waiting -= n
	return n
}

// progress is what to report: at most limit holes, and none seen after a time, for
// the block may only have been overtaken.
func (g *gathering) progress(before time.Time, limit int) progress {
	p := progress{next: g.high}
	for _, h := range g.holes {
		for num := h.from; num < h.to; num++ {
			if len(p.missing) == limit || h.at.After(before) {
				p.next = num
				return p
			}
			p.missing = append(p.missing, num)
		}
	}
	return p
}
