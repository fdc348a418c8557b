package vectors

import "encoding/binary"

// ids are the message IDs of one of our ends: it begins at random (RFC 7252 §4.4), and in
// the files they are counted.
type ids struct {
	toFile, toReal map[uint16]uint16
	next           uint16
}

func newIDs() *ids { return &ids{toFile: map[uint16]uint16{}, toReal: map[uint16]uint16{}} }

// answers reports whether a datagram has the message ID of what it acknowledges or rejects.
func answers(d []byte) bool { return len(d) >= 4 && d[0]>>5&1 == 1 }

func withID(d []byte, id uint16) []byte {
	r := append([]byte(nil), d...)
	binary.BigEndian.PutUint16(r[2:], id)
	return r
}

// toEnd is a datagram of a file for the end.
func (s *ids) toEnd(d []byte) []byte {
	if answers(d) {
		if id, ok := s.toReal[binary.BigEndian.Uint16(d[2:])]; ok {
			return withID(d, id)
		}
	}
	return d
}

// expected is a datagram of the end as it would stand in a file, in the place of want.
func (s *ids) expected(d, want []byte) []byte {
	if len(want) >= 4 {
		s.next = binary.BigEndian.Uint16(want[2:])
	}
	return s.toFileAs(d)
}

// toFileAs gives a message that is new the next ID.
func (s *ids) toFileAs(d []byte) []byte {
	if answers(d) || len(d) < 4 {
		return d
	}
	real := binary.BigEndian.Uint16(d[2:])
	id, known := s.toFile[real]
	if _, taken := s.toReal[s.next]; !known && !taken {
		id, known = s.next, true
		s.toFile[real], s.toReal[id] = id, real
		s.next++
	}
	if !known {
		return d
	}
	return withID(d, id)
}
