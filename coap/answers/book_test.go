package answers

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
)

func digest(n int) (d txn.Digest) {
	copy(d[:], fmt.Sprintf("%08d", n))
	return d
}

// kept is an answer of the model.
type kept struct {
	key, user int
	at        time.Time
	body      string
}

// withRoom takes an answer out where there is no room for another: the oldest of a user that
// has as many as any.
func withRoom(model []kept, maxCount int) []kept {
	if len(model) < maxCount {
		return model
	}
	counts := map[int]int{}
	most := 0
	for _, k := range model {
		counts[k.user]++
		most = max(most, counts[k.user])
	}
	i := slices.IndexFunc(model, func(k kept) bool { return counts[k.user] == most })
	return slices.Delete(model, i, i+1)
}

// TestBookIsShared: a user who sends as much as he can pushes out his own answers, and not
// those that others wait for.
func TestBookIsShared(t *testing.T) {
	b := &Book{Store: &session.Memory{}, Prefix: "a/", MaxCount: 50}
	require.NoError(t, b.Open())
	for n := range 20 {
		require.NoError(t, b.Keep(digest(n), digest(1+n%2), Answer{Status: 200}, nil))
	}
	for n := range 1000 {
		require.NoError(t, b.Keep(digest(1000+n), digest(0), Answer{Status: 200}, nil))
	}
	for n := range 20 {
		assert.True(t, b.Has(digest(n)))
	}
	count, _ := b.Len()
	assert.Equal(t, 50, count)
	assert.True(t, b.Has(digest(1999)))
}

// TestBytesAreShared: neither does one whose answers are few and long.
func TestBytesAreShared(t *testing.T) {
	b := &Book{Store: &session.Memory{}, Prefix: "a/", MaxBytes: 100_000}
	require.NoError(t, b.Open())
	for n := range 100 {
		require.NoError(t, b.Keep(digest(n), digest(1+n%2), Answer{Status: 200}, nil))
	}
	for n := range 100 {
		require.NoError(t, b.Keep(digest(1000+n), digest(0), Answer{Status: 200, Body: make([]byte, 9000)}, nil))
	}
	for n := range 100 {
		assert.True(t, b.Has(digest(n)))
	}
	_, bytes := b.Len()
	assert.LessOrEqual(t, bytes, 100_000)
	assert.True(t, b.Has(digest(1099)))
}

// TestBook holds a Book against a list, over restarts: what is within bounds is found, and
// nothing else is, for its key alone.
func TestBook(t *testing.T) {
	const maxCount, maxAge = 5, time.Hour
	rapid.Check(t, func(rt *rapid.T) {
		type step struct{ What, Key, User, Minutes int }
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.IntRange(0, 9).Draw(t, "what"), rapid.IntRange(0, 8).Draw(t, "key"), rapid.IntRange(0, 2).Draw(t, "user"), rapid.IntRange(0, 30).Draw(t, "minutes")}
		}), 1, 60).Draw(rt, "steps")
		synctest.Test(t, func(*testing.T) {
			store := &session.Memory{}
			open := func() *Book {
				b := &Book{Store: store, Prefix: "a/", MaxCount: maxCount, MaxAge: maxAge}
				require.NoError(rt, b.Open())
				return b
			}
			b := open()
			var model []kept
			without := func(drop func(kept) bool) {
				var left []kept
				for _, k := range model {
					if !drop(k) {
						left = append(left, k)
					}
				}
				model = left
			}
			for n, s := range steps {
				time.Sleep(time.Duration(s.Minutes)*time.Minute + time.Second)
				without(func(k kept) bool { return time.Since(k.at) >= maxAge })
				switch s.What {
				case 0:
					b = open()
				case 1:
					require.NoError(rt, b.Drop(digest(s.Key)))
					without(func(k kept) bool { return k.key == s.Key })
				case 2:
					require.NoError(rt, b.Forget(digest(s.User)))
					without(func(k kept) bool { return k.user == s.User })
				default:
					if b.Has(digest(s.Key)) { // nobody keeps two
						continue
					}
					k := kept{s.Key, s.User, time.Now(), fmt.Sprint(n)}
					other := fmt.Sprint("other/", n)
					require.NoError(rt, b.Keep(digest(k.key), digest(k.user), Answer{200, "a/b", []byte(k.body)}, map[string][]byte{other: {1}}))
					value, _ := store.Load(other)
					require.NotNil(rt, value)
					model = append(withRoom(model, maxCount), k)
				}
				for key := range 9 {
					var want *kept
					for _, k := range model {
						if k.key == key {
							want = &k
						}
					}
					a, age, ok := b.Find(digest(key))
					require.Equal(rt, want != nil, ok, "step %d key %d", n, key)
					require.Equal(rt, ok, b.Has(digest(key)))
					if ok {
						require.Equal(rt, Answer{200, "a/b", []byte(want.body)}, a)
						require.InDelta(rt, time.Since(want.at), age, float64(time.Second))
					}
				}
				keys, err := store.Keys("a/")
				require.NoError(rt, err)
				count, _ := b.Len()
				require.Len(rt, keys, count, "the store holds what the index does")
				require.LessOrEqual(rt, count, maxCount)
			}
		})
	})
}

// TestBookBytes: the bytes in the store are bounded, and one long answer does not push out
// all others.
func TestBookBytes(t *testing.T) {
	store := &session.Memory{}
	b := &Book{Store: store, Prefix: "a/", MaxBytes: 2000}
	require.NoError(t, b.Open())
	for n := range 100 {
		require.NoError(t, b.Keep(digest(n), digest(0), Answer{200, "", make([]byte, 100)}, nil))
		_, bytes := b.Len()
		assert.LessOrEqual(t, bytes, 2000)
	}
	count, _ := b.Len()
	assert.Equal(t, 2000/(100+entryHead), count)
	require.NoError(t, b.Keep(digest(200), digest(0), Answer{200, "", make([]byte, 1500)}, map[string][]byte{"x": {1}}))
	assert.False(t, b.Has(digest(200)))
	again, _ := b.Len()
	assert.Equal(t, count, again)
	value, err := store.Load("x")
	require.NoError(t, err)
	assert.NotNil(t, value)
}

// TestBookDamage: what is not an answer is deleted, and missed by nobody.
func TestBookDamage(t *testing.T) {
	store := &session.Memory{}
	open := func() *Book {
		b := &Book{Store: store, Prefix: "a/"}
		require.NoError(t, b.Open())
		return b
	}
	b := open()
	require.NoError(t, b.Keep(digest(1), digest(0), Answer{Status: 200}, nil))
	require.NoError(t, b.Keep(digest(2), digest(0), Answer{Status: 200}, nil))
	good, err := store.Load(b.storeKey(nameOf(digest(1))))
	require.NoError(t, err)
	require.NoError(t, store.Commit(map[string][]byte{
		b.storeKey(nameOf(digest(2))): {1, 2}, "a/": good, "a/zz": good, "a/00": good,
		b.storeKey(nameOf(digest(1))) + "00": good,
	}))
	_, _, ok := b.Find(digest(2))
	assert.False(t, ok)
	assert.False(t, b.Has(digest(2)))
	b = open()
	keys, err := store.Keys("a/")
	require.NoError(t, err)
	assert.Len(t, keys, 1)
	_, _, ok = b.Find(digest(1))
	assert.True(t, ok)
}

// faulty is a store that fails when told to.
type faulty struct {
	session.Memory
	keys, commit bool
}

var errDisk = errors.New("disk full")

func (f *faulty) Keys(prefix string) ([]string, error) {
	if f.keys {
		return nil, errDisk
	}
	return f.Memory.Keys(prefix)
}

func (f *faulty) Commit(changes map[string][]byte) error {
	if f.commit {
		return errDisk
	}
	return f.Memory.Commit(changes)
}

func TestBookStoreFails(t *testing.T) {
	b := &Book{Store: &faulty{keys: true}, Prefix: "a/"}
	require.ErrorIs(t, b.Open(), errDisk)
	store := &faulty{}
	b = &Book{Store: store, Prefix: "a/"}
	require.NoError(t, b.Open())
	store.commit = true
	require.ErrorIs(t, b.Keep(digest(1), digest(0), Answer{Status: 200}, nil), errDisk)
	assert.False(t, b.Has(digest(1)))
}

// TestEntries: what comes out of the store is what went in.
func TestEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entry{
			at: time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "at"), 0), owner: owner{1, 2},
			Answer: Answer{rapid.IntRange(100, 999).Draw(t, "status"), rapid.StringN(0, 60, maxType).Draw(t, "type"), rapid.SliceOf(rapid.Byte()).Draw(t, "body")},
		}
		value := e.encode()
		got, err := decodeEntry(value)
		require.NoError(t, err)
		require.Equal(t, e, got)
		for n := range len(value) - len(e.Body) {
			_, err := decodeEntry(value[:n])
			require.Error(t, err)
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(entry{at: time.Unix(1, 0), Answer: Answer{200, "application/json", []byte("{}")}}.encode())
	f.Add([]byte{entryVersion, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEntry(b)
		if err != nil {
			return
		}
		again, err := decodeEntry(e.encode())
		require.NoError(t, err)
		assert.Equal(t, e, again)
	})
}

// BenchmarkBook shows what an answer costs that is kept: memory and time beside the
// store's.
func BenchmarkBook(b *testing.B) {
	store := nowhere{}
	book := &Book{Store: store, Prefix: "a/"}
	require.NoError(b, book.Open())
	a := Answer{200, "application/json", []byte(`{"event_id":"$1234567890123456789012345678901234567890123"}`)}
	b.ReportAllocs()
	for n := range b.N {
		if err := book.Keep(digest(n), digest(0), a, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// nowhere is a store that keeps nothing.
type nowhere struct{ session.Store }

func (nowhere) Keys(string) ([]string, error)  { return nil, nil }
func (nowhere) Commit(map[string][]byte) error { return nil }
