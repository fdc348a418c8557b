package observe

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap/txn"
)

// A homeserver keeps messages to a device, room keys among them, until the device asks /sync
// past them, with whatever filter. Those that were pushed and are kept here it has forgotten.
// A client that does not come back for them but asks otherwise, with another filter, for its
// whole state or for everything anew, is lent them with the answer from the link: there the
// homeserver would have put them. They are the client's when it comes back for what follows
// that answer.

// loan says that the messages of a stream before the update of number upto went out with an
// answer that leads to token.
type loan struct {
	token string
	upto  uint64
}

// maxLoans bounds the answers of which any may be the one that a client goes on from.
const maxLoans = 8

// yield has a user's streams, but for one, make way who holds everything up to since, and ends
// their observations at which nobody waits: what they would still bring the homeserver would
// forget, and whoever asks otherwise would miss. s.mu is held.
func (s *Syncer) yield(user txn.Digest, since string, but *stream) {
	for _, st := range s.streams {
		if st.user != user || st == but {
			continue
		}
		if at, ok := st.place(since); ok {
			s.give(st, st.number+uint64(at))
		}
		if st.waiting == 0 && st.keeping {
			st.yielded = true
			st.observation++ // what it still brings is rejected
			st.polled = time.Now().Add(-grace)
			st.tell()
			st.nudge()
		}
	}
}

// give notes that a client has the messages of a stream before the update of a number. s.mu is
// held.
func (s *Syncer) give(st *stream, upto uint64) {
	if upto > st.given {
		st.given = upto
		s.shelf.note(st.id, st.record(), st.number)
	}
}

// repay notes what a user has got who holds everything up to since. s.mu is held.
func (s *Syncer) repay(user txn.Digest, since string) {
	for _, st := range s.streams {
		if st.user != user {
			continue
		}
		for _, l := range st.loans {
			if l.token == since {
				st.loans = nil
				s.give(st, l.upto)
				break
			}
		}
	}
}

// owes reports whether there are messages to a client's device besides those of one stream. s.mu
// is held.
func (s *Syncer) owes(q question, but *stream) bool {
	return slices.ContainsFunc(s.streams, func(st *stream) bool {
		return st != but && st.user == q.user && st.waiting == 0 && len(st.unfetched(q.since)) > 0
	})
}

// lend adds to an answer that goes on from since, empty for a first one, and leads to next,
// what is kept of messages to the user's device. s.mu is held.
func (s *Syncer) lend(user txn.Digest, since, next string, body []byte) []byte {
	var held [][]byte
	var from []*stream
	for _, st := range s.streams {
		if st.user != user || st.waiting > 0 {
			continue // another program's, which comes for it
		}
		if messages := st.unfetched(since); len(messages) > 0 {
			held, from = append(held, messages...), append(from, st)
		}
	}
	if len(held) == 0 {
		return body
	}
	body, err := withMessages(body, held)
	if err != nil {
		s.Log.Warn("messages to a device wait for its next poll", "err", err)
		return body
	}
	for _, st := range from {
		st.loans = append(st.loans, loan{next, st.number + uint64(len(st.chain))})
		if n := len(st.loans) - maxLoans; n > 0 {
			st.loans = slices.Clone(st.loans[n:])
		}
		s.shelf.note(st.id, st.record(), st.number)
	}
	return body
}

// unfetched returns the messages to the device that the homeserver may have forgotten, and that
// a client does not have who holds everything up to since.
func (s *stream) unfetched(since string) (messages [][]byte) {
	at, _ := s.place(since)
	for i, u := range s.chain {
		if i >= max(at, s.at) && s.number+uint64(i) >= s.given && u.kept {
			messages = append(messages, messagesOf(u.body)...)
		}
	}
	return messages
}

// messagesOf returns the messages to the device in an answer to /sync.
func messagesOf(body []byte) (messages [][]byte) {
	members, err := cborcodec.JSONMembers(body)
	if err != nil {
		return nil
	}
	box, err := cborcodec.JSONMembers(members["to_device"])
	if err != nil {
		return nil
	}
	messages, err = cborcodec.JSONElements(box["events"])
	if err != nil {
		return nil
	}
	return messages
}

// withMessages is an answer to /sync with the messages to the device in it that came before its
// own. It may repeat the last of those: what is acknowledged here the homeserver forgets
// a little later. After an error body is as it was.
func withMessages(body []byte, before [][]byte) ([]byte, error) {
	members, err := cborcodec.JSONMembers(body)
	if err != nil {
		return body, err
	}
	box := make(map[string][]byte)
	if has, ok := members["to_device"]; ok && !hollow(has) {
		if box, err = cborcodec.JSONMembers(has); err != nil {
			return body, err
		}
	}
	own := messagesOf(body)
	repeated := min(len(before), len(own))
	for !slices.EqualFunc(before[len(before)-repeated:], own[:repeated], bytes.Equal) {
		repeated--
	}
	box["events"] = list(append(slices.Clip(before), own[repeated:]...))
	members["to_device"] = object(box)
	return object(members), nil
}

func list(elements [][]byte) []byte {
	b := []byte{'['}
	for i, e := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	return append(b, ']')
}

func object(members map[string][]byte) []byte {
	b := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(cborcodec.AppendJSONString(b, name), ':')
		b = append(b, members[name]...)
	}
	return append(b, '}')
}
