package integrity

import (
	"errors"
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

// Whatever happens and wherever the process dies, no counter is sent twice, and what
// was accepted before a mark or a clean stop is not accepted again.
func TestNoCounterIsUsedTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := &fate{draw: func() int { return 2 }}
		p := newPlace(store, "x")
		s := newSecrets(boat(), 1, nonce{}, nonce{})
		l := newLedger()
		require.NoError(t, p.begin(s, l))
		store.draw = func() int { return rapid.IntRange(0, 11).Draw(t, "fate") }
		var sent uint64 // counters below it may have been used
		settled := map[uint32]bool{}
		for range rapid.IntRange(1, 4).Draw(t, "lives") {
			l.stride = 4
			lives(t, l, &sent, settled)
			for { // it may die while it starts, too
				_, c, err := p.read()
				require.NoError(t, err)
				if l, err = p.take(s, c); err == nil {
					break
				}
				require.ErrorIs(t, err, errCrash)
			}
			require.GreaterOrEqual(t, l.next, sent, "a life begins with used counters")
		}
	})
}

func lives(t *rapid.T, l *ledger, sent *uint64, settled map[uint32]bool) {
	accepted := map[uint32]bool{}
	settle := func() {
		for c := range accepted {
			settled[c] = true
		}
	}
	for range rapid.IntRange(0, 20).Draw(t, "steps") {
		switch rapid.IntRange(0, 3).Draw(t, "step") {
		case 0:
			c, err := l.take()
			if errors.Is(err, errCrash) {
				return
			}
			require.NoError(t, err)
			require.GreaterOrEqual(t, uint64(c), *sent, "a counter is used twice")
			*sent = uint64(c) + 1
		case 1, 2:
			c := uint32(max(0, int(l.received.next)+rapid.IntRange(-4, 4).Draw(t, "received")))
			if _, ok := l.accept(c); ok {
				require.False(t, accepted[c], "accepted twice")
				require.False(t, settled[c], "accepted again in another life")
				accepted[c] = true
			}
		case 3:
			if l.mark() != nil {
				return
			}
			settle()
		}
	}
	if rapid.Bool().Draw(t, "clean") {
		last := l.close()
		if l.place.put(l, countersKey, last.marshal()) == nil {
			settle()
		}
	}
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
