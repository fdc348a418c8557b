package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// device is a client that forgets nothing of what it acknowledged: all that it has been told
// makes up, in order, what happened in the room.
type device struct {
	// seen are bodies; a gap is that many of them, as "+3".
	seen []string
	mark uint32
	// unknown: a gap came of which the length was not known.
	unknown bool
}

// take reads a payload, of which a copy may have come before.
func (d *device) take(payload []byte) error {
	mark, gap, body, hasGap, err := readPayload(payload)
	switch {
	case err != nil:
		return err
	case mark == d.mark:
		return nil // a copy
	}
	d.mark = mark
	switch {
	case hasGap && gap == 0:
		d.unknown = true
	case hasGap:
		d.seen = append(d.seen, fmt.Sprintf("+%d", gap))
	default:
		d.seen = append(d.seen, body)
	}
	return nil
}

// readPayload reads {-1: mark, -2: gap} or {-1: mark, 27: body}, as a client would.
func readPayload(p []byte) (mark uint32, gap int, body string, hasGap bool, err error) {
	text, err := cborcodec.Diagnose(p)
	if err != nil {
		return 0, 0, "", false, err
	}
	if _, after, ok := strings.Cut(text, "-2: "); ok {
		hasGap = true
		if _, err = fmt.Sscanf(after, "%d", &gap); err != nil {
			return 0, 0, "", false, err
		}
	}
	if _, after, ok := strings.Cut(text, `27: "`); ok {
		body, _, _ = strings.Cut(after, `"`)
	}
	if len(p) < 6 || p[1] != keyMark || p[2] != 0x1a {
		return 0, 0, "", false, fmt.Errorf("no mark in %s", text)
	}
	return binary.BigEndian.Uint32(p[3:]), gap, body, hasGap, nil
}

// check compares what was seen with what happened from a place on: every event once and in
// order, or the number of those that were skipped.
func (d *device) check(t *testing.T, happened []string) {
	t.Helper()
	at := 0
	for _, body := range d.seen {
		var n int
		if _, err := fmt.Sscanf(body, "+%d", &n); err == nil {
			at += n
			continue
		}
		require.Less(t, at, len(happened))
		require.Equal(t, happened[at], body)
		at++
	}
	require.Equal(t, len(happened), at, "%v", d.seen)
}

var errLost = errors.New("the client is gone")

// history plays a stream against a homeserver that fails and a client that comes and goes,
// which it does with its stream (registering again) or without one (with its mark).
func history(t *testing.T, seed uint64, between func(Get) Get) (gaps, lost int) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 0))
		var mu sync.Mutex
		chance := func(n int) bool { mu.Lock(); defer mu.Unlock(); return r.IntN(n) == 0 }
		within := func(d time.Duration) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return time.Duration(r.Int64N(int64(d)))
		}
		h := newHome()
		h.filters = seed%4 != 0
		var wild, over atomic.Bool
		wild.Store(true)
		h.status = func(string) int { // with h.mu
			switch {
			case !wild.Load() || !chance(6):
				return 0
			case chance(2):
				return -1
			}
			return 502
		}
		var happened []string
		// The room lives, and other programs of the user get messages, which they fetch later.
		var living sync.WaitGroup
		living.Go(func() {
			for i := range 60 {
				time.Sleep(within(40 * time.Second))
				n := 1
				if chance(8) {
					n = 1 + int(within(100))
				}
				h.mu.Lock()
				for j := range n {
					body := fmt.Sprintf("%d.%d", i, j)
					switch {
					case chance(5):
						h.add("m.room.member", "@a:h", "")
					case chance(5):
						h.add("m.room.message", "@me:h", "mine")
					default:
						h.add("m.room.message", "@a:h", body)
						happened = append(happened, body)
					}
				}
				h.wake()
				h.mu.Unlock()
				if chance(6) {
					h.mail()
				}
				if chance(12) {
					h.fetch()
				}
			}
			wild.Store(false)
		})
		d := &device{}
		living.Go(func() {
			var s *Stream
			for !over.Load() {
				if s == nil {
					queries := []string{"f=27", "m=40", "o=0", fmt.Sprintf("s=%d", d.mark)}
					var err error
					if s, err = Open(t.Context(), ask(t, queries...), between(h.get), testKey); err != nil {
						time.Sleep(within(time.Minute))
						continue
					}
				}
				// The client, or the server, is away after a while.
				ctx, cancel := context.WithTimeout(t.Context(), within(10*time.Minute))
				err := s.Run(ctx, func(ctx context.Context, payload []byte) error {
					time.Sleep(within(3 * time.Second))
					if ctx.Err() != nil {
						return ctx.Err()
					}
					if wild.Load() && chance(20) { // on the way there
						return errLost
					}
					if err := d.take(payload); err != nil {
						return err
					}
					if wild.Load() && chance(20) { // on the way back
						return errLost
					}
					return nil
				})
				cancel()
				if !errors.Is(err, errLost) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("the stream ended: %v", err)
					return
				}
				if chance(2) { // the server is restarted, or the client is
					s = nil
				}
				if chance(3) {
					time.Sleep(within(time.Hour))
				}
			}
		})
		time.Sleep(3 * time.Hour)
		over.Store(true)
		living.Wait()
		assert.False(t, d.unknown)
		d.check(t, happened)
		lost = h.lost()
		for _, body := range d.seen {
			if strings.HasPrefix(body, "+") {
				gaps++
			}
		}
	})
	return gaps, lost
}

// Every event is told once and in order, or counted where it was skipped, whatever happens
// to link, client, server and homeserver; and no to-device message is lost to others.
func TestHistories(t *testing.T) {
	gaps := 0
	for seed := range uint64(30) {
		more, lost := history(t, seed, func(get Get) Get { return get })
		gaps += more
		assert.Zero(t, lost, "to-device messages")
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	assert.NotZero(t, gaps, "no history had anything to skip: the check has not seen one")
}

// The histories notice a stream that asks past to-device messages.
func TestHistoriesNotice(t *testing.T) {
	blind := func(get Get) Get {
		return func(ctx context.Context, path string, query url.Values) (int, []byte, error) {
			status, body, err := get(ctx, path, query)
			return status, bytes.Replace(body, []byte(`"to_device"`), []byte(`"overlooked"`), 1), err
		}
	}
	_, lost := history(t, 1, blind)
	assert.NotZero(t, lost)
}
