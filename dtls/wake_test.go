package dtls

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// stuckStore answers no question before it is released.
type stuckStore struct {
	disk
	released chan struct{}
}

// Load implements Store.
func (s *stuckStore) Load(key string) ([]byte, error) {
	<-s.released
	return s.disk.Load(key)
}

// Strangers who guess Connection IDs of stored sessions have few of them read at a time,
// however slow the store is.
func TestStrangersWakeFew(t *testing.T) {
	const many = 3 * maxWaking
	server, _ := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		store := &stuckStore{released: make(chan struct{})}
		l := w.listener
		l.mu.Lock()
		l.cfg.Store = store
		for c := range cid(many) {
			l.stored[c] = resting{"boat", time.Now()}
			l.perIdentity["boat"]++
		}
		l.mu.Unlock()
		for c := range cid(many) {
			b := rec(typeCID, 1, make([]byte, 40)...)
			copy(b[recordHeader-2:], c.bytes())
			w.net.send(sent{from: "203.0.113.9:9", to: serverAddress, data: b})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		l.mu.Lock()
		assert.Equal(t, maxWaking, l.waking)
		l.mu.Unlock()
		assert.EqualValues(t, many-maxWaking, l.Stats().Refused)
		close(store.released)
		synctest.Wait()
		l.mu.Lock()
		assert.Zero(t, l.waking)
		l.mu.Unlock()
	})
}
