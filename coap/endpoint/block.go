package endpoint

import (
	"hash/maphash"
	"io"
)

const (
	minBlockSize = 16
	maxBlockSize = 1024
	reservedSZX  = 7 // RFC 7959 §2.2
	// blockOptions is the room that the options of this layer may take in one
	// message: at most Block1, a size and a Request-Tag.
	blockOptions = 5 + 6 + 6
)

// block is the value of a Block1 or Block2 option (RFC 7959 §2.2).
type block struct {
	num  uint32
	more bool
	szx  uint8
}

func (b block) size() int     { return minBlockSize << b.szx }
func (b block) offset() int64 { return int64(b.num) << (b.szx + 4) }

func (b block) value() uint32 {
	v := b.num<<4 | uint32(b.szx)
	if b.more {
		v |= 8
	}
	return v
}

// maxBlocks is the number of blocks that a block number can name.
const maxBlocks = 1 << 20

// blockAt names the block that starts at a byte, which must be a multiple of the
// size. ok is false when the number does not fit the option.
func blockAt(offset int64, szx uint8, more bool) (b block, ok bool) {
	num := offset >> (szx + 4)
	return block{uint32(num), more, szx}, num < maxBlocks
}

// blockOption reads a block option. legal is false for the reserved size.
func blockOption(opts Options, n OptionNumber) (b block, present, legal bool) {
	v, ok := opts.GetUint(n)
	if !ok {
		return block{}, false, true
	}
	b = blockOf(v)
	return b, true, b.szx != reservedSZX
}

// blockOf reads the value of a block option, of at most three bytes.
func blockOf(v uint32) block { return block{num: v >> 4, more: v&8 != 0, szx: uint8(v & 7)} }

// szxFor is the exponent of the largest block of at most n bytes.
func szxFor(n int) uint8 {
	szx := uint8(0)
	for szx < reservedSZX-1 && minBlockSize<<(szx+1) <= n {
		szx++
	}
	return szx
}

// blockSZX is the exponent of the block size for a message with these options
// and token: no more than the profile wants, and so that the datagram has at most
// so many bytes. ok is false when not even the smallest block fits.
func (c *Conn) blockSZX(datagram int, opts Options, tokenLen int) (szx uint8, ok bool) {
	t := c.terms()
	room := datagram - t.overhead - headerLen - tokenLen - opts.EncodedSize() - blockOptions - 1
	return szxFor(min(t.blockSize(), room)), room >= minBlockSize
}

// transferKey identifies what a block belongs to on this session: method and
// options, but for those that differ from block to block (RFC 7959 §2.4, §2.5),
// with Request-Tag (RFC 9175 §3.3).
func (c *Conn) transferKey(code Code, opts Options) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seen.seed)
	h.WriteByte(byte(code))
	for _, o := range opts {
		if ownedByLayer(o.Number) && o.Number != RequestTag {
			continue
		}
		n := len(o.Value)
		h.Write([]byte{byte(o.Number >> 8), byte(o.Number), byte(n >> 8), byte(n)})
		h.Write(o.Value)
	}
	return h.Sum64()
}

// source reads a body block by block and knows of each whether it is the last,
// for which it reads one byte ahead.
type source struct {
	r     io.Reader
	ahead []byte // read and not handed out
	ended bool
}

// next fills buf as far as the body goes. more reports whether bytes follow.
func (s *source) next(buf []byte) (n int, more bool, err error) {
	n = copy(buf, s.ahead)
	s.ahead = s.ahead[n:]
	if len(s.ahead) > 0 {
		return n, true, nil
	}
	k, err := s.fill(buf[n:])
	if err != nil {
		return n + k, false, err
	}
	var one [1]byte
	ahead, err := s.fill(one[:])
	s.ahead = append(s.ahead[:0], one[:ahead]...)
	return n + k, ahead > 0, err
}

// maxEmptyReads bounds the reads that return neither bytes nor an error.
const maxEmptyReads = 100

// fill reads until buf is full or the body ends, which is no error. A body that
// was truncated (io.ErrUnexpectedEOF) did not end: io.ReadFull would hide that.
func (s *source) fill(buf []byte) (n int, err error) {
	for empty := 0; n < len(buf) && !s.ended; {
		k, err := s.r.Read(buf[n:])
		n += k
		switch {
		case err == io.EOF:
			s.ended = true
		case err != nil:
			return n, err
		case k > 0:
			empty = 0
		default:
			if empty++; empty == maxEmptyReads {
				return n, io.ErrNoProgress
			}
		}
	}
	return n, nil
}

// unread puts bytes back that next has handed out.
func (s *source) unread(b []byte) {
	s.ahead = append(append([]byte(nil), b...), s.ahead...)
}

// closeBody closes a body that wants to be closed.
func closeBody(body io.Reader) {
	if c, ok := body.(io.Closer); ok {
		c.Close()
	}
}
