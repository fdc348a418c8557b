package mixing

// The match model looks for the last occurrence of the bytes that the message ends
// with, in the message and in the dictionary, and foretells the byte after it.
const (
	matchMin    = 4 // bytes that must agree
	matchMax    = 31
	matchBits   = 13 // logarithm of the size of the message's index
	dictBits    = 14 // logarithm of the size of the dictionary's index
	matchLevels = 16
)

func matchHash(last uint32) uint32 { return last * 0x9E3779B1 }

// dictionaryIndex maps the hash of matchMin bytes to the position behind their last
// occurrence in the dictionary, 0 if there is none.
type dictionaryIndex [1 << dictBits]uint16

func newDictionaryIndex(dictionary []byte) *dictionaryIndex {
	x := new(dictionaryIndex)
	var last uint32
	for i, b := range dictionary {
		last = last<<8 | uint32(b)
		if i >= matchMin-1 {
			x[matchHash(last)>>(32-dictBits)] = uint16(i + 1)
		}
	}
	return x
}

// matcher is the state of the match model in one message.
type matcher struct {
	index [1 << matchBits]uint16
	// at is the position of the foretold byte, in the dictionary followed by the
	// message; length is how many bytes before it agree, 0 if nothing is foretold.
	at     int
	length int
	// expected is the byte at at.
	expected uint32
}

// reset begins a message.
func (m *matcher) reset() { *m = matcher{} }

// add takes the next byte, the last of message.
func (m *matcher) add(dictionary []byte, x *dictionaryIndex, message []byte, last uint32) {
	n := len(message)
	if m.length > 0 && byteAt(dictionary, message, m.at) == message[n-1] {
		m.length = min(m.length+1, matchMax)
		m.at++
	} else {
		m.length = 0
	}
	if n >= matchMin {
		place := &m.index[matchHash(last)>>(32-matchBits)]
		if m.length == 0 {
			m.find(dictionary, message, int(*place)+len(dictionary))
		}
		if m.length == 0 {
			m.find(dictionary, message, int(x[matchHash(last)>>(32-dictBits)]))
		}
		*place = uint16(n)
	}
	m.expected = 0
	if m.length > 0 {
		m.expected = uint32(byteAt(dictionary, message, m.at))
	}
}

// find foretells from position at if at least matchMin bytes before it agree.
func (m *matcher) find(dictionary, message []byte, at int) {
	if at == 0 || at == len(dictionary) {
		return
	}
	n := 0
	for n < matchMax && n < at && n < len(message) &&
		byteAt(dictionary, message, at-1-n) == message[len(message)-1-n] {
		n++
	}
	if n >= matchMin {
		m.at, m.length = at, n
	}
}

func byteAt(dictionary, message []byte, at int) byte {
	if at < len(dictionary) {
		return dictionary[at]
	}
	return message[at-len(dictionary)]
}

// level is how sure the match is, below matchLevels.
func (m *matcher) level() int {
	if m.length < 16 {
		return m.length >> 1
	}
	return 8 + (m.length-16)>>1
}
