package endpoint

import "time"

// messageIDs hands out the message IDs of one session in ascending order from a
// random start (RFC 7252 §4.4). None is handed out again within
// EXCHANGE_LIFETIME: the sender waits instead.
//
// A session that outlives its process starts at random again. Should an ID of the
// earlier life come again, the message is no duplicate all the same: it differs in its
// token (see tokens), and the whole message decides (see duplicates).
//
// To stay small it remembers when each group of 256 was last used, not each ID.
type messageIDs struct {
	next    uint16
	used    map[uint8]time.Time // by the upper byte of the ID
	entered bool                // the group of next may be used
}

func newMessageIDs() messageIDs {
	return messageIDs{next: uint16(random.Uint32()), used: make(map[uint8]time.Time, 1)}
}

// take returns an ID, or how long to wait before one is free.
func (m *messageIDs) take(now time.Time, lifetime time.Duration) (id uint16, wait time.Duration) {
	group := uint8(m.next >> 8)
	if !m.entered {
		if last, ok := m.used[group]; ok {
			if wait = last.Add(lifetime).Sub(now); wait > 0 {
				return 0, wait
			}
		}
		m.entered = true
	}
	m.used[group] = now
	id = m.next
	m.next++
	m.entered = uint8(m.next>>8) == group
	return id, 0
}
