package coap

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
)

// keeper has a connection keep what one end of a session remembers. Who changes it
// calls changed, and keep before the peer may rely on the change.
type keeper struct {
	to  lasting
	log *slog.Logger
	// encode returns what is to be kept, with the state locked.
	encode func() []byte

	saving sync.Mutex // one after the other, the newest last
	mu     sync.Mutex
	dirty  bool
}

// changed says that what was kept is out of date.
func (k *keeper) changed() {
	k.mu.Lock()
	k.dirty = true
	k.mu.Unlock()
}

// keep returns when everything that was changed so far is durable.
func (k *keeper) keep() error {
	if !k.to.Durable() {
		return nil
	}
	k.saving.Lock()
	defer k.saving.Unlock()
	k.mu.Lock()
	dirty := k.dirty
	k.dirty = false
	k.mu.Unlock()
	if !dirty {
		return nil
	}
	err := k.to.SaveState(k.encode())
	if err != nil {
		k.changed()
		k.log.Error("the state of a session was not stored", "err", err)
	}
	return err
}

// errState says that stored state is not of this version, or damaged. The session
// goes on as a new one; its peer is asked again for what is missing.
var errState = errors.New("coap: stored state of a session not understood")

// state is a cursor over stored state: unsigned numbers as uvarints, texts with
// their length in front. After the first error all that it returns is zero.
type state struct {
	rest []byte
	bad  bool
}

func (s *state) number(most uint64) uint64 {
	n, size := binary.Uvarint(s.rest)
	if size <= 0 || n > most {
		s.bad, s.rest = true, nil
		return 0
	}
	s.rest = s.rest[size:]
	return n
}

func (s *state) bytes() []byte {
	n := s.number(uint64(len(s.rest)))
	if n > uint64(len(s.rest)) {
		s.bad, s.rest = true, nil
		return nil
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b
}

// end returns an error unless everything was read and understood.
func (s *state) end() error {
	if s.bad || len(s.rest) > 0 {
		return errState
	}
	return nil
}

func appendText[T string | []byte](dst []byte, text T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// appendFlags appends up to 64 booleans.
func appendFlags(dst []byte, flags ...bool) []byte {
	var n uint64
	for i, f := range flags {
		if f {
			n |= 1 << i
		}
	}
	return binary.AppendUvarint(dst, n)
}

// flags reads what appendFlags wrote.
func (s *state) flags(to ...*bool) {
	n := s.number(1<<len(to) - 1)
	for i, f := range to {
		*f = n>>i&1 != 0
	}
}
