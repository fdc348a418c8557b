package integrity

import (
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// fate is a store whose process dies at a commit: before the change is durable, or
// just after.
type fate struct {
	disk
	draw func() int
}

func (f *fate) Commit(changes map[string][]byte) error {
	switch f.draw() {
	case 0:
		return errCrash
	case 1:
		if err := f.disk.Commit(changes); err != nil {
			return err
		}
		return errCrash
	default:
		return f.disk.Commit(changes)
	}
}

// roll returns a number from 0 to below n.
type roll func(n int) int

// history lives a session's counters through stops and crashes, and tells what must
// never happen: a counter that is sent twice, or a record accepted again that was
// accepted before a mark or a clean stop.
func history(r roll) error {
	store := &fate{draw: func() int { return 2 }}
	p := newPlace(store, "x")
	s := newSecrets(boat(), 1, nonce{}, nonce{})
	l := newLedger()
	if err := p.begin(s, l); err != nil {
		return err
	}
	store.draw = func() int { return r(12) }
	var sent uint64 // counters below it may have been used
	settled := map[uint32]bool{}
	for range 1 + r(4) {
		l.stride = 4
		if err := life(r, l, &sent, settled); err != nil {
			return err
		}
		for { // it may die while it starts, too
			_, c, err := p.read()
			if err != nil {
				return err
			}
			if l, err = p.take(s, c); err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				return err
			}
		}
	}
	return nil
}

func life(r roll, l *ledger, sent *uint64, settled map[uint32]bool) error {
	accepted := map[uint32]bool{}
	for range r(20) {
		switch r(4) {
		case 0:
			c, err := l.take()
			switch {
			case errors.Is(err, errCrash):
				return nil
			case err != nil:
				return err
			case uint64(c) < *sent:
				return errors.New("a counter is used twice")
			}
			*sent = uint64(c) + 1
		case 1, 2:
			c := uint32(max(0, int(l.received.next)+r(9)-4))
			if _, ok := l.accept(c); !ok {
				continue
			}
			if accepted[c] || settled[c] {
				return errors.New("a record is accepted again")
			}
			accepted[c] = true
		case 3:
			if l.mark() != nil {
				return nil
			}
			maps.Copy(settled, accepted)
		}
	}
	if r(2) == 0 {
		last := l.close()
		if l.place.put(l, map[string][]byte{countersKey: last.marshal()}) == nil {
			maps.Copy(settled, accepted)
		}
	}
	return nil
}

// Wherever the process dies, in twenty thousand histories.
func TestNoCounterIsUsedTwice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	for range 20_000 {
		require.NoError(t, history(r.IntN))
	}
}

// The same, made smaller where it fails.
func TestNoCounterIsUsedTwiceSmall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		require.NoError(t, history(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "roll") }))
	})
}

// The property bites: a store that lies about being durable gives counters twice.
func TestLyingStore(t *testing.T) {
	honest := &disk{}
	p := newPlace(honest, "x")
	s := newSecrets(boat(), 1, nonce{}, nonce{})
	l := newLedger()
	require.NoError(t, p.begin(s, l))
	_, before, err := p.read()
	require.NoError(t, err)
	l, err = p.take(s, before)
	require.NoError(t, err)
	first, err := l.take()
	require.NoError(t, err)
	again, err := p.take(s, before) // what a copy that is put back does
	require.NoError(t, err)
	second, err := again.take()
	require.NoError(t, err)
	assert.Equal(t, first, second)
}

func TestLedgerLimits(t *testing.T) {
	l := newLedger()
	l.next = maxRecords - 1
	c, err := l.take()
	require.NoError(t, err)
	assert.EqualValues(t, maxRecords-1, c)
	_, err = l.take()
	require.ErrorIs(t, err, ErrExhausted)

	store := &disk{}
	l = newLedger()
	require.NoError(t, newPlace(store, "x").begin(newSecrets(boat(), 1, nonce{}, nonce{}), l))
	for range defaultStride {
		_, err = l.take()
		require.NoError(t, err)
	}
	store.crash()
	_, err = l.take()
	require.ErrorIs(t, err, errCrash, "what is not reserved is not used")
	l.accept(3)
	require.ErrorIs(t, l.mark(), errCrash)
}

func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen := map[uint64]bool{}
		for range rapid.IntRange(0, 200).Draw(t, "n") {
			c := uint64(max(0, int(w.next)+rapid.IntRange(-80, 80).Draw(t, "step")))
			tooOld := c+windowSize < w.next
			if fresh := w.fresh(c); fresh {
				require.False(t, seen[c])
				require.False(t, tooOld)
				require.Equal(t, c >= w.next, w.add(c))
				seen[c] = true
			} else {
				require.True(t, seen[c] || tooOld)
			}
		}
	})
}
