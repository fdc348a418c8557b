package mixing

// maxNesting bounds the containers that are followed. A deeper one counts as an item
// without content, and what is in it as items of the container around it.
const maxNesting = 16

// kind says what the next byte is in CBOR (RFC 8949 §3).
type kind uint8

const (
	kindTop      kind = iota // initial byte of an item at the top level
	kindKey                  // initial byte of a map key
	kindValue                // initial byte of a map value
	kindElement              // initial byte of an array element or a string chunk
	kindTagged               // initial byte behind a tag
	kindInt                  // first byte of an integer's argument
	kindIntMore              // further bytes of it
	kindSimple               // argument of a float or a simple value
	kindTag                  // argument of a tag
	kindLength               // argument of a string, an array or a map
	kindKeyText              // content of a text string that is a map key
	kindText                 // the first 3 bytes of another text string
	kindTextMore             // the rest of one that starts with a letter or a digit
	kindTextMark             // the rest of one that starts with another character
	kindTextLong             // text after 48 bytes
	kindBytes                // content of a byte string
	kindCount                // the length of the message, before all of it
	kinds
)

// Initial bytes (RFC 8949 §3.1): majors in the upper three bits.
const (
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
	majorTag    = 6
	majorSimple = 7

	infoDirect     = 24 // below: the argument itself
	infoReserved   = 28
	infoIndefinite = 31
)

// level is a container that is open.
type level struct {
	// left counts the items to come; unused if open.
	left uint64
	// open says that a break ends the container. The top level is open too.
	open  bool
	isMap bool
	// wantKey: the next item of a map is a key.
	wantKey bool
	// path names the place of the container; key is the last key, or the last
	// element.
	path, key uint32
	index     uint32
	// topic is what the words of the container say, and those around it. manner is how the
	// sender writes, 0 where that is not known or says nothing.
	topic, manner uint32
}

// structure follows the CBOR items of a message, a byte at a time, to tell what the
// next byte is. Bytes that are no CBOR lead it astray, never into a fault.
type structure struct {
	levels [maxNesting]level
	depth  int

	kind kind
	// major and arg are those of the current item, left the bytes that its
	// argument or content still has.
	major uint8
	arg   uint64
	left  uint64
	// inContent says that left counts content.
	inContent bool
	// field names the key or the index that the item has, path all of those from
	// the top, item the bytes of the item so far, previous the item before.
	field, path, item, previous uint32
	// at is how many bytes of content have passed, first is the first of them.
	at    uint32
	first byte
	// last are the last values without items of their own, by the field they had.
	last [256]uint32
}

// placeBytes are those of a prelude that say what the message is; what follows them says
// how its sender writes.
const placeBytes = 4

// reset begins a message: its length comes first.
func (s *structure) reset(prelude []byte) {
	*s = structure{}
	l := &s.levels[0]
	l.open = true
	for i, b := range prelude {
		if i < placeBytes {
			l.path = hash(l.path, uint32(b))
		} else {
			l.manner = hash(l.manner, uint32(b))
		}
	}
	s.kind, s.field = kindCount, hash(0, 5)
	s.path = hash(l.path, s.field)
}

// count takes the next byte of the length of the message: unsigned LEB128.
func (s *structure) count(b byte) {
	s.item = hash(s.item, uint32(b)+0x100)
	if b < 0x80 {
		s.previous = s.item
		s.begin()
	}
}

// begin prepares for the initial byte of an item.
func (s *structure) begin() {
	l := &s.levels[s.depth]
	s.item, s.at, s.first, s.inContent, s.arg = 0, 0, 0, false, 0
	switch {
	case l.isMap && l.wantKey:
		s.kind, s.field = kindKey, hash(l.key, 1)
	case l.isMap:
		s.kind, s.field = kindValue, hash(l.key, 2)
	case s.depth == 0:
		s.kind, s.field = kindTop, hash(min(l.index, 15), 3)
	default:
		s.kind, s.field = kindElement, hash(min(l.index, 3), 4)
	}
	s.path = hash(l.path, s.field)
}

// add takes the next byte.
func (s *structure) add(b byte) {
	s.item = hash(s.item, uint32(b)+0x100)
	switch {
	case s.inContent:
		s.content(b)
	case s.left > 0:
		s.argument(b)
	default:
		s.initial(b)
	}
}

func (s *structure) initial(b byte) {
	info := b & 31
	s.major = b >> 5
	switch {
	case info < infoDirect:
		s.arg = uint64(info)
		s.head(false)
	case info < infoReserved:
		s.left = 1 << (info - infoDirect)
		s.kind = [8]kind{
			kindInt, kindInt, kindLength, kindLength, kindLength, kindLength, kindTag, kindSimple,
		}[s.major]
	case info == infoIndefinite:
		s.head(true)
	default:
		s.complete()
	}
}

func (s *structure) argument(b byte) {
	s.arg = s.arg<<8 | uint64(b)
	s.left--
	if s.kind == kindInt {
		s.kind = kindIntMore
	}
	if s.left == 0 {
		s.head(false)
	}
}

// head acts on a complete head.
func (s *structure) head(indefinite bool) {
	switch s.major {
	case majorBytes, majorText:
		if indefinite {
			s.push(0, true, false)
			return
		}
		if s.arg == 0 {
			s.complete()
			return
		}
		s.left, s.inContent = s.arg, true
		s.contentKind()
	case majorArray:
		s.push(s.arg, indefinite, false)
	case majorMap:
		s.push(min(s.arg, 1<<40)*2, indefinite, true)
	case majorTag:
		s.kind, s.arg = kindTagged, 0
	case majorSimple:
		if indefinite && s.depth > 0 && s.levels[s.depth].open {
			s.depth--
		}
		s.complete()
	default:
		s.complete()
	}
}

// push opens a container of n items.
func (s *structure) push(n uint64, open, isMap bool) {
	if (n == 0 && !open) || s.depth == maxNesting-1 {
		s.complete()
		return
	}
	around := &s.levels[s.depth]
	inner := level{left: n, open: open, isMap: isMap, wantKey: isMap, path: s.path, topic: around.topic}
	if !isMap { // objects are much the same whoever writes them
		inner.manner = around.manner
	}
	s.depth++
	s.levels[s.depth] = inner
	s.begin()
}

func (s *structure) content(b byte) {
	if s.at == 0 {
		s.first = b
	}
	s.at++
	s.left--
	if s.left == 0 {
		s.complete()
		return
	}
	s.contentKind()
}

func (s *structure) contentKind() {
	l := &s.levels[s.depth]
	switch {
	case s.major == majorBytes:
		s.kind = kindBytes
	case l.isMap && l.wantKey:
		s.kind = kindKeyText
	case s.at < 3:
		s.kind = kindText
	case s.at >= 48:
		s.kind = kindTextLong
	case isAlphanumeric(s.first):
		s.kind = kindTextMore
	default:
		s.kind = kindTextMark
	}
}

// complete ends the current item and every container that it fills.
func (s *structure) complete() {
	s.last[s.field>>24] = s.item
	s.discuss()
	for {
		l := &s.levels[s.depth]
		s.previous = s.item
		if !l.isMap || l.wantKey {
			l.key = s.item
		}
		l.wantKey = !l.wantKey
		l.index++
		if l.open {
			break
		}
		if l.left--; l.left > 0 {
			break
		}
		// The name of a container is that of its last item: enough to know it by.
		s.depth--
	}
	s.left = 0
	s.begin()
}

// discuss notes what an item that ends says about those behind it: a word says what an
// object is, and integers and words at the top what the message is.
func (s *structure) discuss() {
	l := &s.levels[s.depth]
	word := s.major == majorSimple && (s.arg < 20 || s.arg >= 32)
	switch {
	case l.isMap && l.wantKey:
	case s.depth == 0 && (word || s.major == 0):
		l.topic = hash(l.topic, s.item)
	case word:
		l.topic = s.item
	}
}

// end, as the initial byte of an item at the top level, is none: the message has ended.
const end = 0xff

// delimits says that a message can be told from what follows it: it has whole items, and
// none begins with end.
func (s *structure) delimits(message []byte) bool {
	s.reset(nil)
	s.begin()
	for _, b := range message {
		if s.kind == kindTop && b == end {
			return false
		}
		s.add(b)
	}
	return s.kind == kindTop
}

func isAlphanumeric(b byte) bool {
	return b-'0' < 10 || b|0x20-'a' < 26 || b >= 0x80
}

// hash joins two hashes.
func hash(a, b uint32) uint32 {
	h := a*0x2C1B3C6D + b*0x297A2D39 + 0x9E3779B9
	h ^= h >> 15
	h *= 0x85EBCA6B
	return h ^ h>>13
}
