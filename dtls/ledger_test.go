package dtls

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/race"
)

// crashing is a store of one value, whose process dies at a commit: before the
// change is durable, or just after.
type crashing struct {
	value []byte
	fate  func() (apply, survive bool)
}

func (s *crashing) Load(string) ([]byte, error)   { return s.value, nil }
func (s *crashing) Keys(string) ([]string, error) { return nil, nil }

// numbers is a set of sequence numbers, which stay small in a history.
type numbers [8]uint64

func (n *numbers) add(seq uint64)      { n[seq/64] |= 1 << (seq % 64) }
func (n *numbers) has(seq uint64) bool { return n[seq/64]&(1<<(seq%64)) != 0 }

// testStride makes histories run over reservations often.
const testStride = 4

var errCrash = errors.New("killed")

func (s *crashing) Commit(changes map[string][]byte) error {
	apply, survive := s.fate()
	if apply {
		s.value = changes["k"]
	}
	if !survive {
		return errCrash
	}
	return nil
}

// history lives a session's numbers through stops and crashes and reports what
// must never happen: a number sent twice, or a record accepted again that was
// accepted before a clean stop or before a mark.
func history(r *rand.Rand) error {
	const key = "k"
	store := &crashing{fate: func() (bool, bool) {
		switch r.IntN(12) {
		case 0:
			return false, false
		case 1:
			return true, false
		default:
			return true, true
		}
	}}
	var (
		sent uint64  // numbers below it may have been used
		safe numbers // must not be accepted again
	)
	l := newLedger(1, window{next: 1, seen: 1})
	l.stride = testStride
	first := l.keep(store, key, nil)
	store.value = first.marshal()
	for range 1 + r.IntN(4) {
		if err := life(r, l, store, &sent, &safe); err != nil {
			return err
		}
		for { // the process may die while it starts, too
			l = storedLedger()
			l.stride = testStride
			err := l.open(store, key, nil)
			if err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				return err
			}
		}
	}
	return nil
}

// life ends with a crash or a clean stop.
func life(r *rand.Rand, l *ledger, store *crashing, sent *uint64, safe *numbers) error {
	var taken numbers // accepted in this life
	settled := func() {
		for i := range safe {
			safe[i] |= taken[i]
		}
	}
	for range r.IntN(12) {
		switch r.IntN(8) {
		case 0, 1:
			for range 1 + r.IntN(2*testStride) {
				seq, err := l.take()
				if errors.Is(err, errCrash) {
					return nil
				}
				if err != nil {
					return err
				}
				if seq < *sent {
					return errors.New("a number is used twice")
				}
				*sent = seq + 1
			}
		case 2, 3, 4, 5:
			seq := l.received.next + uint64(r.IntN(8)) - min(4, l.received.next)
			if _, ok := l.accept(seq); !ok {
				continue
			}
			if taken.has(seq) {
				return errors.New("a record is accepted twice")
			}
			if safe.has(seq) {
				return errors.New("a record of an earlier life is accepted again")
			}
			taken.add(seq)
		case 6:
			if l.mark() != nil {
				return nil
			}
			settled()
		case 7:
			if l.commit(func() bool { return true }) != nil {
				return nil
			}
		}
	}
	if r.IntN(2) == 0 {
		c := l.close()
		if store.Commit(map[string][]byte{l.key: c.marshal()}) == nil {
			settled()
		}
	}
	return nil
}

// A million random histories, killed anywhere.
func TestNoNonceIsUsedTwice(t *testing.T) {
	n := 1_000_000
	if race.Detector {
		n /= 200
	}
	workers := 2
	results := make(chan error, workers)
	for w := range workers {
		go func() {
			r := rand.New(rand.NewPCG(uint64(w), 4))
			for range n / workers {
				if err := history(r); err != nil {
					results <- err
					return
				}
			}
			results <- nil
		}()
	}
	for range workers {
		require.NoError(t, <-results)
	}
}

// The histories find a ledger that reserves nothing durably, and one that marks
// nothing.
func TestHistoriesBite(t *testing.T) {
	forgetful := func(change func(*counters)) error {
		r := rand.New(rand.NewPCG(1, 1))
		for range 1000 {
			var store disk
			l := newLedger(0, window{})
			c := l.keep(&store, "k", nil)
			change(&c)
			require.NoError(t, store.Commit(map[string][]byte{"k": c.marshal()}))
			var sent uint64
			var safe numbers
			crash := &crashing{fate: func() (bool, bool) { return false, true }} // a disk that lies
			l.store = crash
			if err := life(r, l, crash, &sent, &safe); err != nil {
				return err
			}
			l = storedLedger()
			l.stride = testStride
			err := l.open(&store, "k", nil)
			require.NoError(t, err)
			l.store = crash
			if err := life(r, l, crash, &sent, &safe); err != nil {
				return err
			}
		}
		return nil
	}
	require.EqualError(t, forgetful(func(c *counters) { c.send = 0 }), "a number is used twice")
	require.EqualError(t, forgetful(func(c *counters) { c.send = 1 << 20 }), "a record of an earlier life is accepted again")
}

func TestLedgerLimits(t *testing.T) {
	l := newLedger(maxRecords-2, window{})
	seq, err := l.take()
	require.NoError(t, err)
	assert.EqualValues(t, maxRecords-2, seq)
	_, err = l.take()
	require.ErrorIs(t, err, ErrExhausted)
	seq, ok := l.takeReserved(maxRecords)
	assert.True(t, ok, "for the alert")
	assert.EqualValues(t, maxRecords-1, seq)

	full := errors.New("disk full")
	l = newLedger(0, window{})
	l.keep(failing{full}, "k", nil)
	for range defaultStride {
		_, err = l.take()
		require.NoError(t, err)
	}
	_, err = l.take()
	require.ErrorIs(t, err, full, "what is not reserved is not used")
	l.accept(3)
	require.ErrorIs(t, l.mark(), full)
}

type failing struct{ err error }

func (s failing) Load(string) ([]byte, error)    { return nil, s.err }
func (s failing) Keys(string) ([]string, error)  { return nil, s.err }
func (s failing) Commit(map[string][]byte) error { return s.err }
