package dtls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// disk is a store that a process may lose.
type disk struct {
	session.Memory
	off     atomic.Bool
	commits atomic.Int64
}

// Commit implements Store. What a dead process commits is not there.
func (d *disk) Commit(changes map[string][]byte) error {
	if d.off.Load() {
		return nil
	}
	d.commits.Add(1)
	return d.Memory.Commit(changes)
}

// slowStore takes its time, as a disk does.
type slowStore struct {
	disk
	pause atomic.Int64 // beyond 10 ms, in nanoseconds
}

func (s *slowStore) Commit(changes map[string][]byte) error {
	time.Sleep(10*time.Millisecond + time.Duration(s.pause.Load()))
	return s.disk.Commit(changes)
}

// fullStore can be read, and not be written to.
type fullStore struct{ Store }

// Commit implements Store.
func (fullStore) Commit(map[string][]byte) error { return errors.New("disk full") }

// A session that cannot be taken from its store has the operator learn why, for its client
// gets no answer; it waits there.
func TestFullDiskIsAnError(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, _ := w.connect(clientAddress, cfg)
		full := server
		full.Store = fullStore{server.Store}
		var log bytes.Buffer
		full.Log = slog.New(slog.NewTextHandler(&log, nil))
		w.restart(full, false)
		_, err := client.Write([]byte("up"))
		require.NoError(t, err)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Regexp(t, `level=ERROR .*stored session not resumed.*disk full`, log.String())
		w.restart(server, false)
		carries(t, w.say(client, "up"), client, "down")
	})
}

// A store that fails costs the sessions their future, not the service.
func TestFailingStore(t *testing.T) {
	full := errors.New("disk full")
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		w.listener.cfg.Store = failing{full}
		cfg.Store = failing{full}
		client, s := w.connect(clientAddress, cfg)
		carries(t, client, s, "up")
		carries(t, s, client, "down")
		require.ErrorIs(t, s.Mark(), full)
		require.ErrorIs(t, s.SaveState([]byte("x")), full)
		_, err := Listen(w.net.socket("192.0.2.2:5684"), w.listener.cfg)
		require.ErrorIs(t, err, full)
		w.clients = nil
		require.ErrorIs(t, client.Close(), full)
		_, err = s.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}

// What comes while a new session is being stored waits for it; nothing is lost.
func TestRecordsDuringTakeOver(t *testing.T) {
	server, cfg := serverConfig(), clientConfig()
	server.Store = &slowStore{}
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, err := w.dial(clientAddress, cfg)
		require.NoError(t, err)
		w.clients = append(w.clients, client)
		for i := range 20 {
			_, err := client.Write([]byte{byte(i)})
			require.NoError(t, err)
			time.Sleep(time.Millisecond)
		}
		s := w.accept()
		buf := make([]byte, 1)
		for i := range 20 {
			_, err := s.Read(buf)
			require.NoError(t, err)
			assert.EqualValues(t, i, buf[0])
		}
	})
}

// Two sessions under one name spoil the stored one, but never mix their numbers.
func TestTwoSessionsOfOneName(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		old, _ := w.connect(clientAddress, cfg)
		client, s := w.connect("198.51.100.8:1", cfg)
		require.NoError(t, old.rest()) // writes its counters over those of the other
		carries(t, client, s, "still there")
		w.leave(client)
		client = w.resume("198.51.100.8:1", cfg)
		carries(t, client, s, "its counters were the last")
		require.NoError(t, cfg.Store.Commit(map[string][]byte{
			clientPrefix + "home" + countersKey: counters{used: time.Now()}.marshal(),
		}))
		_, err := Resume(w.net.socket("198.51.100.9:1"), addr(serverAddress), cfg)
		require.ErrorIs(t, err, ErrNoSession)
	})
}

// Many goroutines send and mark at once: each number is taken once, marks share
// writes, and what is stored never goes back.
func TestConcurrentLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{}
		l := newLedger(0, window{})
		first := l.keep(store, "k", nil)
		require.NoError(t, store.Commit(map[string][]byte{"k": first.marshal()}))
		start := time.Now()
		var (
			work  sync.WaitGroup
			mu    sync.Mutex
			taken = map[uint64]bool{}
		)
		for i := range 50 {
			work.Go(func() {
				for j := range 100 {
					seq, err := l.take()
					assert.NoError(t, err)
					mu.Lock()
					assert.False(t, taken[seq])
					taken[seq] = true
					mu.Unlock()
					l.accept(uint64(i*100 + j))
					if j%10 == 0 {
						assert.NoError(t, l.mark())
						b, err := store.Load("k")
						assert.NoError(t, err)
						c, err := parseCounters(b)
						assert.NoError(t, err)
						assert.Greater(t, c.send, seq)
					}
				}
			})
		}
		work.Wait()
		assert.Len(t, taken, 5000)
		assert.Less(t, time.Since(start), time.Second, "500 marks, far fewer writes")
	})
}

// While one session waits for a slow disk, the others' records go on, whatever its
// peer sends.
func TestSlowStoreHoldsUpNobody(t *testing.T) {
	server, cfg := serverConfig(), clientConfig()
	store := &slowStore{}
	server.Store = store
	for name, send := range map[string]func(w *world, c *Conn, flight sent){
		"close_notify": func(_ *world, c *Conn, _ sent) { c.answer(typeAlert, alertWarning, alertCloseNotify) },
		"fatal alert":  func(_ *world, c *Conn, _ sent) { c.answer(typeAlert, alertFatal, 40) },
		"last flight":  func(w *world, _ *Conn, flight sent) { w.net.send(flight) },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, time.Millisecond, server, func(t *testing.T, w *world) {
				a, sa := w.connect(clientAddress, cfg)
				flight := w.net.sentLog()[2]
				b, sb := w.connect("198.51.100.8:1", cfg)
				carries(t, b, sb, "before")
				sa.numbers.mu.Lock()
				sa.numbers.limit = sa.numbers.next // all that is reserved is used
				sa.numbers.mu.Unlock()
				store.pause.Store(int64(5 * time.Second))
				defer store.pause.Store(0)
				saved := make(chan error)
				go func() { saved <- sa.SaveState([]byte("x")) }()
				time.Sleep(time.Millisecond)
				send(w, a, flight)
				time.Sleep(2 * time.Millisecond)
				start := time.Now()
				carries(t, b, sb, "meanwhile")
				carries(t, sb, b, "indeed")
				assert.Less(t, time.Since(start), 10*time.Millisecond)
				require.NoError(t, <-saved)
			})
		})
	}
}

// What a request needs to be durable before it has an effect is one write.
func TestSaveStateMarks(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		carries(t, client, s, "request")
		require.Less(t, s.numbers.marked, s.numbers.received.next)
		require.NoError(t, s.SaveState([]byte("begun")))
		assert.Equal(t, s.numbers.marked, s.numbers.received.next)
		before := server.Store.(*disk).commits.Load()
		require.NoError(t, s.Mark())
		assert.Equal(t, before, server.Store.(*disk).commits.Load())
	})
}

// The end of a session does not pretend that what came before it is marked.
func TestMarkAfterEnd(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		require.NoError(t, s.Mark())
		carries(t, client, s, "request")
		s.end(io.EOF) // on its way to the store
		require.ErrorIs(t, s.Mark(), net.ErrClosed)
		require.NoError(t, s.kept.delete())
		w.listener.forget(w.listener.byCID[cid(binary.BigEndian.Uint16(s.peer.cid))], false)
	})
}

// What one session has stored is not another's of the same name.
func TestStateOfAnotherSession(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		old, _ := w.connect(clientAddress, cfg)
		client, _ := w.connect("198.51.100.8:1", cfg)
		require.NoError(t, old.SaveState([]byte("slot 1 is Alice's")))
		require.NoError(t, old.SetResetToken(ResetToken{1}))
		require.NoError(t, client.Mark())
		state, err := client.State()
		require.NoError(t, err)
		assert.Empty(t, state)
		require.NoError(t, client.SaveState([]byte("slot 1 is Bob's")))
		w.leave(client)
		client = w.resume(clientAddress, cfg)
		state, err = client.State()
		require.NoError(t, err)
		assert.Equal(t, "slot 1 is Bob's", string(state))
		assert.Nil(t, client.resetToken.Load())
	})
}
