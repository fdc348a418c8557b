package endpoint

import (
	"slices"
	"time"
)

// hole is a block that did not come while a later one did.
type hole struct {
	num uint32
	at  time.Time // when that was seen
}

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
	unread    [][]byte          // blocks below next, for the reader
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
	if g.has(b.num) || tooFar || held > g.limit {
		return false, nil
	}
	for num := g.high; num < b.num; num++ {
		g.holes = append(g.holes, hole{num, now})
	}
	if b.num >= g.high {
		g.high = b.num + 1
	} else if i, ok := g.hole(b.num); ok {
		g.holes = slices.Delete(g.holes, i, i+1)
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
		g.unread = append(g.unread, payload)
		if g.keeps {
			g.keep(payload)
		}
		g.next++
	}
	return true, nil
}

func (g *gathering) hole(num uint32) (i int, ok bool) {
	return slices.BinarySearchFunc(g.holes, num, func(h hole, n uint32) int { return int(int64(h.num) - int64(n)) })
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
	for i, h := range g.holes {
		if i == limit || h.at.After(before) {
			p.next = h.num
			break
		}
		p.missing = append(p.missing, h.num)
	}
	return p
}
