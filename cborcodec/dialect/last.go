package dialect

// Most requests are about the room that was spoken of last, by either end, and many about the
// last event. These have references of one byte, the same whatever else the tables have got.

// What stands behind tagReference for them, in place of a number.
const (
	itemLastRoom  = itemNull
	itemLastEvent = itemUndefined
)

// lastItem returns what stands for s if that is one of them. They are as of the beginning of
// the message.
func (m *message) lastItem(s []byte) (item byte, ok bool) {
	switch {
	case len(s) == 0:
		return 0, false
	case string(s) == m.x.Room:
		return itemLastRoom, true
	case string(s) == m.x.Event:
		return itemLastEvent, true
	}
	return 0, false
}

// speakOf notes an identifier that was kept or referred to.
func (m *message) speakOf(id []byte) {
	switch {
	case len(id) == 0:
	case id[0] == '!':
		m.room = append(m.room[:0], id...)
	case id[0] == '$' && !m.inKey:
		m.event = append(m.event[:0], id...)
	}
}

// appendReferenceText appends the identifier of a reference.
func (m *message) appendReferenceText(dst []byte, in *items) ([]byte, error) {
	start := len(dst)
	switch initial, _ := in.peek(); initial {
	case itemLastRoom:
		in.pos++
		if m.x != nil {
			dst = append(dst, m.x.Room...)
		}
	case itemLastEvent:
		in.pos++
		if m.x != nil {
			dst = append(dst, m.x.Event...)
		}
	default:
		ref, err := in.int()
		if err != nil {
			return dst, err
		}
		if m.x != nil && m.x.Solve != nil {
			id, _ := m.x.Solve.Resolve(ref)
			dst = append(dst, id...)
		}
	}
	if len(dst) == start {
		return dst, ErrReference
	}
	m.speakOf(dst[start:])
	return dst, nil
}

// same is text as a string, which is s if that is the same.
func same(s string, text []byte) string {
	if string(text) == s {
		return s
	}
	return string(text)
}
