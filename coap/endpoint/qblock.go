package endpoint

import "encoding/binary"

// Between two endpoints of this package, a body that does not fit one datagram
// travels by the options of RFC 9177: many blocks are under way at a time, in NON
// messages, and those that are lost are asked for by number. What the RFC leaves to
// configuration (MAX_PAYLOADS, NON_TIMEOUT) is computed from the profile: see path.
// All blocks and reports of a body carry the token of its request, which takes the
// place of Request-Tag and ETag of RFC 9177 §4.3 and §4.4: a block behind the first
// and a report carry no option but that of the block.

// progress is what the receiver of a body reports (RFC 9177 §4.4): it has all
// blocks below next but for those missing, and asks for these and for what follows.
type progress struct {
	next    uint32
	missing []uint32 // ascending, all below next
}

// noMore as progress.next asks for nothing any more: the body is complete, or not
// wanted. No body has that many blocks.
const noMore = maxBlocks - 1

// maxMissing bounds the blocks that one report asks for by number.
const maxMissing = 255

// missingFit is how many missing blocks a report can name in one datagram,
// if each takes five bytes.
func (t *terms) missingFit() int {
	room := t.largestSent() - t.overhead - headerLen - maxTokenLen - 2*(maxOptionHeader+3)
	return min(max(room/5, 1), maxMissing)
}

// qBlock2 writes a report as the Q-Block2 options of a request: one for each missing
// block, and with M set the one from which to go on.
func (p progress) qBlock2(szx uint8) Options {
	opts := make(Options, 0, len(p.missing)+1)
	for _, num := range p.missing {
		opts = opts.AddUint(QBlock2, block{num: num, szx: szx}.value())
	}
	return opts.AddUint(QBlock2, block{num: p.next, more: true, szx: szx}.value())
}

// qBlock2Progress reads a report. ok is false when the options are none.
func qBlock2Progress(opts Options, szx uint8) (p progress, ok bool) {
	values := opts.GetAll(QBlock2)
	for i, v := range values {
		b := blockOf(DecodeUint(v))
		last := i == len(values)-1
		ascends := i == 0 || b.num > p.missing[i-1]
		if b.szx != szx || b.more != last || !ascends {
			return progress{}, false
		}
		if last {
			p.next = b.num
		} else {
			p.missing = append(p.missing, b.num)
		}
	}
	return p, len(values) > 0
}

// missingBlocks is the Content-Format application/missing-blocks+cbor-seq (RFC 9177
// §12.3): numbers of blocks as a CBOR sequence (RFC 8742).
const missingBlocks = 272

// qBlock1 writes a report as a response: 2.31 (Continue), or 4.08 with the numbers of
// the missing blocks (RFC 9177 §4.3, §5). Q-Block1 tells in both where to go on.
func (p progress) qBlock1(szx uint8) *Message {
	m := &Message{Code: Continue}
	if len(p.missing) > 0 {
		m.Code = RequestEntityIncomplete
		m.Options = m.Options.AddUint(ContentFormat, missingBlocks)
		for _, num := range p.missing {
			m.Payload = appendCBORUint(m.Payload, num)
		}
	}
	m.Options = m.Options.AddUint(QBlock1, block{num: p.next, more: true, szx: szx}.value())
	return m
}

// qBlock1Progress reads a report. ok is false when the message is none.
func qBlock1Progress(m *Message, szx uint8) (p progress, ok bool) {
	b, present, legal := blockOption(m.Options, QBlock1)
	if !present || !legal || b.szx != szx || m.Code != Continue && m.Code != RequestEntityIncomplete {
		return progress{}, false
	}
	p.next = b.num
	for rest := m.Payload; len(rest) > 0; {
		var num uint32
		if num, rest, ok = cutCBORUint(rest); !ok {
			return progress{}, false
		}
		if n := len(p.missing); num >= p.next || n > 0 && num <= p.missing[n-1] || n == maxMissing {
			return progress{}, false
		}
		p.missing = append(p.missing, num)
	}
	return p, true
}

// appendCBORUint appends an unsigned integer in its shortest form (RFC 8949 §3.1).
func appendCBORUint(b []byte, v uint32) []byte {
	switch {
	case v < 24:
		return append(b, byte(v))
	case v < 1<<8:
		return append(b, 24, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 25), uint16(v))
	}
	return binary.BigEndian.AppendUint32(append(b, 26), v)
}

// cutCBORUint reads an unsigned integer of at most four bytes from the start of b.
func cutCBORUint(b []byte) (v uint32, rest []byte, ok bool) {
	n := map[byte]int{24: 1, 25: 2, 26: 4}[b[0]]
	switch {
	case b[0] < 24:
		return uint32(b[0]), b[1:], true
	case n == 0 || len(b) <= n:
		return 0, nil, false
	}
	return DecodeUint(b[1 : 1+n]), b[1+n:], true
}

// bulkID returns a message ID for a NON message with a block. Such a message is
// recognised by token and block number and is never acknowledged nor rejected, so
// that its message ID matches nothing (RFC 7252 §4.4 has it match a Reset) and may
// come round sooner than others. c.mu is held.
func (c *Conn) bulkID() uint16 {
	c.bulkIDs++
	return c.bulkIDs
}
