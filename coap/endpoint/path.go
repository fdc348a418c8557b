package endpoint

import "time"

// Bounds of what is under way of one body. A sender keeps what was not confirmed;
// a receiver keeps what was not read, so that it takes twice as much: a window
// behind a window that waits for its reader.
const (
	maxWindowBytes  = 2 << 20
	maxWindowBlocks = 2048
	// maxUnknownBytes bounds the window of paths of which nothing is known.
	maxUnknownBytes = 256 << 10
	// maxSessionBytes is what the bodies that arrive on a session may hold together,
	// but for leastShare each.
	maxSessionBytes = 4 * maxWindowBytes
	leastShare      = 64 << 10
	// initialWindow is for paths of which nothing is known (RFC 6928 §2).
	initialWindow = 10
	// minWindow is never undercut: with less, a receiver that knows nothing of the path
	// would not report.
	minWindow = leastEvery
	// leastEvery is how many blocks a receiver reports on at least, so that reports
	// take little of the other direction.
	leastEvery = 4
	// bulkHead is room for what a datagram with a block has besides it: header, token,
	// block option, payload marker, and the record of the layer below. It is the same
	// on both sides, for both must come to the same size of a burst.
	bulkHead = 48
)

// path is what a profile says about blocks that follow each other in one
// direction (RFC 9177 §7.2: its MAX_PAYLOADS and NON_TIMEOUT, computed).
type path struct {
	// interval is from the first bit of a block to that of the next; 0 means that the
	// profile does not tell.
	interval time.Duration
	// roundTrip is from the last bit of a block, by way of the report on it, to the
	// first bit of the answer to that; 0 where interval is.
	roundTrip time.Duration
	// jitter is how long a block may be overtaken by later ones.
	jitter time.Duration
	// window is how many blocks fill the path until the report on them is back.
	window int
	// most is how many it may become.
	most int
	// every is how many blocks a receiver reports on at a time.
	every int
	// burst is how many blocks a side sends in its turn on a half-duplex link; 0 means
	// that the link is none.
	burst int
}

// path computes the path of blocks of the given size that go up or down.
func (t *terms) path(up bool, blockSize int) path {
	p := t.profile
	datagram := blockSize + bulkHead
	interval := p.Airtime(datagram, up) + p.MinGap
	if t.side == SideUnknown || interval == 0 {
		most := min(maxUnknownBytes/blockSize, maxWindowBlocks)
		return path{jitter: p.Jitter, window: initialWindow, most: most, every: leastEvery}
	}
	most := min(maxWindowBytes/blockSize, maxWindowBlocks)
	report := p.Airtime(bulkHead, !up) + p.MinGap
	r := path{interval: interval, roundTrip: 2*(p.OneWayDelay+p.Jitter) + report, jitter: p.Jitter}
	if p.HalfDuplex {
		r.roundTrip += 2 * (p.Turnaround + p.Preamble)
		turn, queue := int(p.MaxTurn/interval), p.QueueDown
		if up {
			queue = p.QueueUp
		}
		if queue > 0 {
			turn = min(turn, queue/(datagram+p.Frames(datagram)*p.Overhead))
		}
		r.burst = min(max(turn, 1), most)
		r.window, r.most, r.every = r.burst, r.burst, r.burst
		return r
	}
	// What fills the round trip, the block on the air, and those that a report waits for.
	fill := int((r.roundTrip+interval-1)/interval) + 1
	r.every = min(max(fill/8, leastEvery), maxWindowBlocks/8)
	// Reports take no more than a part of the other direction, whatever its rate.
	r.every = max(r.every, int((report+interval-1)/interval))
	r.window = min(fill+2*r.every, most)
	r.most = r.window
	r.every = min(r.every, max(r.window/2, 1))
	return r
}

// gathered is how many bytes a receiver takes that were not read. A sender may know
// less of the path.
func (p path) gathered(blockSize int) int { return 2 * max(p.most*blockSize, maxUnknownBytes) }
