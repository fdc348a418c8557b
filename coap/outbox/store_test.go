package outbox

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/session"
)

// TestClockIsWrong: a message that was accepted by a clock without battery is not too old
// when the clock is right.
func TestClockIsWrong(t *testing.T) {
	now := time.Now()
	for _, at := range []time.Time{time.Unix(0, 0), now.Add(1000 * 24 * time.Hour), now.Add(-time.Minute)} {
		p := plausible(at, now, time.Hour)
		assert.False(t, p.After(now))
		assert.LessOrEqual(t, now.Sub(p), 30*time.Minute)
	}
	assert.Equal(t, now.Add(-time.Minute), plausible(now.Add(-time.Minute), now, time.Hour))
	o := &outage{}
	store := &session.Memory{}
	inBox(t, &base{answer: o.answer}, &Transport{Store: store}, func(t *testing.T, tr *Transport) {
		require.NoError(t, tr.Close())
		l, ok := letterOf(put(t.Context(), t, "token", send, text), []byte(text), time.Unix(0, 0))
		require.True(t, ok)
		require.NoError(t, store.Commit(map[string][]byte{storeKey(1): l.encode()}))
		o.end()
		again := &Transport{Store: store, Base: &base{answer: o.answer}}
		require.NoError(t, again.Start())
		time.Sleep(time.Minute)
		assert.Equal(t, 1, again.Snapshot().Answers)
		require.NoError(t, again.Close())
	})
}

// faulty is a store that fails when told to.
type faulty struct {
	session.Memory
	commit, load atomic.Bool // fail
}

var errDisk = errors.New("disk full")

func (f *faulty) Commit(changes map[string][]byte) error {
	if f.commit.Load() {
		return errDisk
	}
	return f.Memory.Commit(changes)
}

func (f *faulty) Load(key string) ([]byte, error) {
	if f.load.Load() {
		return nil, errDisk
	}
	return f.Memory.Load(key)
}

// TestStoreFails: a message that could not be stored is not accepted; one that cannot be
// read is tried again, and leaves in the end.
func TestStoreFails(t *testing.T) {
	store := &faulty{}
	inBox(t, &base{}, &Transport{Store: store}, func(t *testing.T, tr *Transport) {
		store.commit.Store(true)
		_, _, err := ask(t, tr, long, "token", send, text)
		var own *coap.Error
		require.ErrorAs(t, err, &own)
		assert.Equal(t, 503, own.Status)
		require.ErrorIs(t, err, errDisk)
		store.commit.Store(false)
		store.load.Store(true)
		go func() {
			time.Sleep(time.Minute)
			store.load.Store(false)
		}()
		want(t, tr, 200, "token", room("!r", 1), text)
		store.load.Store(true)
		_, _, err = ask(t, tr, long, "token", send, text)
		require.ErrorIs(t, err, errDisk)
		store.load.Store(false)
		want(t, tr, 200, "token", send, text)
	})
}

// TestDamagedStore: what is damaged goes, the rest is sent.
func TestDamagedStore(t *testing.T) {
	o := &outage{}
	b := &base{answer: o.answer}
	store := &session.Memory{}
	inBox(t, b, &Transport{Store: store}, func(t *testing.T, tr *Transport) {
		for n := range 3 {
			giveUp(t, tr, "token", room("!r", n), text)
		}
		require.NoError(t, tr.Close())
		require.NoError(t, store.Commit(map[string][]byte{
			storeKey(2): {9, 9}, itemPrefix + "x": {1}, storeKey(77): letter{url: "coap://gateway/_matrix/client/versions"}.encode(),
			storeKey(78): letter{url: ":"}.encode(), answerPrefix + "x": {1},
		}))
		o.end()
		again := &Transport{Base: b, Store: store}
		require.NoError(t, again.Start())
		time.Sleep(time.Minute)
		assert.Equal(t, 2, again.Snapshot().Answers)
		want(t, again, 200, "token", room("!r", 2), text)
		require.NoError(t, again.Close())
	})
	broken := &Transport{Base: b, Store: failing{}}
	require.ErrorIs(t, broken.Start(), errDisk)
	_, err := broken.RoundTrip(put(t.Context(), t, "token", send, text))
	require.ErrorIs(t, err, errDisk)
	assert.Zero(t, broken.Snapshot())
	require.NoError(t, broken.Close())
}

// failing is a store that does not work at all.
type failing struct{ session.Store }

// TestClose: who waits is told, and nothing goes on.
func TestClose(t *testing.T) {
	o := &outage{}
	b := &base{answer: o.answer}
	synctest.Test(t, func(t *testing.T) {
		tr := &Transport{Base: b, Store: &session.Memory{}}
		go func() {
			time.Sleep(time.Minute)
			assert.NoError(t, tr.Close())
		}()
		_, _, err := ask(t, tr, long, "token", send, text)
		require.ErrorIs(t, err, ErrClosed)
		_, _, err = ask(t, tr, long, "token", send, text)
		require.ErrorIs(t, err, ErrClosed)
		tries := len(b.seen())
		time.Sleep(time.Hour)
		assert.Len(t, b.seen(), tries)
	})
}
