package stream

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var testKey = []byte("key of marks")

// mark is that of the nth thing that happened in a home, from 1.
func mark(n int) uint32 { return markOf(testKey, "!r:h", fmt.Sprintf("$e%d:h", n)) }

// told is a client that acknowledges at once.
type told struct {
	t       *testing.T
	stream  *Stream
	cancel  context.CancelFunc
	payload chan string
	ended   chan error
}

// follow opens a stream and runs it until the test ends.
func follow(t *testing.T, h *home, queries ...string) *told {
	t.Helper()
	a := ask(t, append(queries, "f=27", "m=512")...)
	s, err := Open(t.Context(), a, h.get, testKey)
	require.NoError(t, err)
	c := &told{t: t, stream: s, payload: make(chan string), ended: make(chan error, 1)}
	c.run()
	t.Cleanup(func() { c.cancel() })
	return c
}

func (c *told) run() {
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(c.t.Context())
	go func() {
		c.ended <- c.stream.Run(ctx, func(ctx context.Context, payload []byte) error {
			select {
			case c.payload <- diagnose(c.t, payload):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
}

// next is what is told next.
func (c *told) next() string {
	c.t.Helper()
	synctest.Wait()
	select {
	case p := <-c.payload:
		return p
	case err := <-c.ended:
		require.FailNow(c.t, "the stream ended", "%v", err)
	case <-time.After(time.Hour):
		require.FailNow(c.t, "nothing is told")
	}
	return ""
}

// silent checks that nothing is told for a while.
func (c *told) silent() {
	c.t.Helper()
	select {
	case p := <-c.payload:
		require.FailNow(c.t, "told", p)
	case <-time.After(time.Hour):
	}
}

func event27(n int, body string) string { return fmt.Sprintf("{-1: %d, 27: %q}", mark(n), body) }

func virtual(t *testing.T, f func(t *testing.T, h *home)) {
	synctest.Test(t, func(t *testing.T) { f(t, newHome()) })
}

func TestOnlyWhatIsNew(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@a:h", "one", "two")
		c := follow(t, h)
		assert.Equal(t, fmt.Sprintf("{-1: %d}", mark(2)), diagnose(t, c.stream.Position()))
		h.say("@a:h", "three", "four")
		assert.Equal(t, event27(3, "three"), c.next())
		assert.Equal(t, event27(4, "four"), c.next())
		c.silent()
	})
}

func TestTheLastEvents(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@a:h", "one", "two", "three")
		c := follow(t, h, "n=2")
		assert.Equal(t, fmt.Sprintf("{-1: %d}", mark(1)), diagnose(t, c.stream.Position()))
		assert.Equal(t, event27(2, "two"), c.next())
		assert.Equal(t, event27(3, "three"), c.next())
		d := follow(t, h, "n=32")
		assert.Equal(t, "{-1: 0}", diagnose(t, d.stream.Position()))
		for i, body := range []string{"one", "two", "three"} {
			assert.Equal(t, event27(i+1, body), d.next())
		}
	})
}

// Events of other types may fill the timeline: then the last ones are looked for before it.
func TestTheLastEventsBehindOthers(t *testing.T) {
	for _, filters := range []bool{true, false} {
		virtual(t, func(t *testing.T, h *home) {
			h.filters = filters
			h.say("@a:h", "one", "two")
			for range 3 * batch {
				h.add("m.room.member", "@b:h", "")
			}
			c := follow(t, h, "n=1")
			assert.Equal(t, fmt.Sprintf("{-1: %d}", mark(1)), diagnose(t, c.stream.Position()))
			assert.Equal(t, event27(2, "two"), c.next())
			assert.Equal(t, fmt.Sprintf("{-1: %d}", mark(2)), diagnose(t, follow(t, h).stream.Position()))
			c.silent()
		})
	}
}

func TestAnEmptyRoom(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.add("m.room.create", "@a:h", "")
		c := follow(t, h)
		assert.Equal(t, "{-1: 0}", diagnose(t, c.stream.Position()))
		h.say("@a:h", "one")
		assert.Equal(t, event27(2, "one"), c.next())
		// 0 is before the first event.
		assert.Equal(t, event27(2, "one"), follow(t, h, "s=0").next())
	})
}

func TestAfterAMark(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@a:h", "one", "two")
		for i := range 50 {
			h.say("@a:h", fmt.Sprint(i))
			h.add("m.room.member", "@b:h", "")
		}
		c := follow(t, h, fmt.Sprintf("s=%d", mark(2)))
		assert.Equal(t, fmt.Sprintf("{-1: %d}", mark(2)), diagnose(t, c.stream.Position()))
		for i := range 50 {
			require.Equal(t, event27(3+2*i, fmt.Sprint(i)), c.next())
		}
		c.silent()
	})
}

func TestAfterAMarkTooLongAgo(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		for i := range 300 {
			h.say("@a:h", fmt.Sprint(i))
		}
		c := follow(t, h, fmt.Sprintf("s=%d", mark(10)))
		// 290 came after it, of which 64 are left.
		assert.Equal(t, fmt.Sprintf(`{-1: %d, -2: 226, 1: "$e236:h"}`, mark(236)), c.next())
		for i := 236; i < 300; i++ {
			require.Equal(t, event27(i+1, fmt.Sprint(i)), c.next())
		}
		c.silent()
	})
}

// Of a mark that is not found it is not known how much came after it.
func TestAfterAMarkThatIsUnknown(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@a:h", "one", "two")
		c := follow(t, h, "s=1")
		assert.Equal(t, "{-1: 1, -2: 0}", c.next())
		assert.Equal(t, event27(1, "one"), c.next())
		assert.Equal(t, event27(2, "two"), c.next())
		for i := range maxPages*page + 100 {
			h.say("@a:h", fmt.Sprint(i))
		}
		d := follow(t, h, fmt.Sprintf("s=%d", mark(1)))
		assert.Contains(t, d.next(), "-2: 0, 1: ")
	})
}

// A client that does not acknowledge has the stream wait, and gets the newest when it does.
func TestSlowClient(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@a:h", "first")
		c := follow(t, h)
		h.say("@a:h", "second")
		synctest.Wait()
		for i := range 100 {
			h.say("@a:h", fmt.Sprint(i))
		}
		time.Sleep(time.Hour)
		assert.Equal(t, event27(2, "second"), c.next())
		assert.Equal(t, fmt.Sprintf(`{-1: %d, -2: 36, 1: "$e38:h"}`, mark(38)), c.next())
		for i := 36; i < 100; i++ {
			require.Equal(t, event27(i+3, fmt.Sprint(i)), c.next())
		}
		c.silent()
	})
}

func TestOwnEventsLeftOut(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@me:h", "mine")
		c := follow(t, h, "o=0")
		assert.Equal(t, "{-1: 0}", diagnose(t, c.stream.Position()))
		h.say("@me:h", "mine")
		h.say("@you:h", "yours")
		assert.Equal(t, event27(3, "yours"), c.next())
		c.silent()
	})
}

func TestTypes(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		c := follow(t, h, "t=org.example.*", "t=m.room.topic")
		h.mu.Lock()
		h.add("org.example.switch", "@a:h", "on")
		h.add("m.room.encrypted", "@a:h", "")
		h.add("m.room.topic", "@a:h", "topic")
		h.mu.Unlock()
		h.say("@a:h", "text")
		assert.Equal(t, event27(1, "on"), c.next())
		assert.Equal(t, event27(3, "topic"), c.next())
		c.silent()
	})
}

func TestAliases(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		for _, room := range []string{"#lab", "#lab:h"} {
			a, err := ParseAsk(room, nil)
			require.NoError(t, err)
			s, err := Open(t.Context(), a, h.get, testKey)
			require.NoError(t, err)
			assert.Equal(t, "!r:h", s.room)
		}
		a, err := ParseAsk("#other", nil)
		require.NoError(t, err)
		_, err = Open(t.Context(), a, h.get, testKey)
		assert.Equal(t, 404, status(err))
	})
}

func status(err error) int {
	var problem *Error
	if errors.As(err, &problem) {
		return problem.Status
	}
	return 0
}

func TestNotInTheRoom(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.kick()
		_, err := Open(t.Context(), ask(t), h.get, testKey)
		assert.Equal(t, 403, status(err))
	})
}

// A homeserver may know that the user is in the room before its /sync does.
func TestJustJoined(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.late = 3
		c := follow(t, h)
		h.say("@a:h", "welcome")
		assert.Equal(t, event27(1, "welcome"), c.next())
		h.mu.Lock()
		h.late = maxArrivals
		h.mu.Unlock()
		_, err := Open(t.Context(), ask(t), h.get, testKey)
		assert.Equal(t, 503, status(err), "it may come later")
	})
}

// What was said before the user was thrown out is told.
func TestKicked(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		c := follow(t, h, "o=0")
		h.mu.Lock()
		h.add("m.room.message", "@a:h", "bye")
		h.mu.Unlock()
		h.kick()
		assert.Equal(t, event27(1, "bye"), c.next())
		assert.Equal(t, 403, status(<-c.ended))
	})
}

func TestRevoked(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		c := follow(t, h)
		synctest.Wait()
		h.mu.Lock()
		h.status = func(string) int { return 401 }
		h.wake()
		h.mu.Unlock()
		h.say("@a:h", "last")
		assert.Equal(t, event27(1, "last"), c.next())
		assert.Equal(t, 401, status(<-c.ended))
		_, err := Open(t.Context(), ask(t), h.get, testKey)
		assert.Equal(t, 401, status(err))
	})
}

// A since that the homeserver does not know any more ends the stream, which is begun anew.
func TestSinceIsUnknown(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		c := follow(t, h)
		synctest.Wait()
		h.mu.Lock()
		h.status = func(string) int { return 400 }
		h.mu.Unlock()
		h.say("@a:h", "last")
		assert.Equal(t, event27(1, "last"), c.next())
		assert.Equal(t, 503, status(<-c.ended))
	})
}

// A homeserver that is away is asked again, less and less often.
func TestHomeserverAway(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		c := follow(t, h)
		synctest.Wait()
		for _, status := range []int{-1, 502, 429} {
			h.mu.Lock()
			h.status = func(string) int { return status }
			before := len(h.asked)
			h.wake()
			h.mu.Unlock()
			time.Sleep(time.Hour)
			asked := len(h.requests()) - before
			assert.Greater(t, asked, 50)
			assert.Less(t, asked, 80)
		}
		h.mu.Lock()
		h.status = nil
		h.mu.Unlock()
		h.say("@a:h", "back")
		assert.Equal(t, event27(1, "back"), c.next())
	})
}

// One that takes a request and never answers is asked again.
func TestHomeserverSilent(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		silent := true
		get := func(ctx context.Context, path string, query url.Values) (int, []byte, error) {
			if silent && query.Get("since") != "" {
				silent = false
				<-ctx.Done()
				return 0, nil, ctx.Err()
			}
			return h.get(ctx, path, query)
		}
		h.say("@a:h", "one")
		s, err := Open(t.Context(), ask(t, "f=27"), get, testKey)
		require.NoError(t, err)
		c := &told{t: t, stream: s, payload: make(chan string), ended: make(chan error, 1)}
		c.run()
		defer c.cancel()
		h.say("@a:h", "two")
		assert.Equal(t, event27(2, "two"), c.next())
	})
}

// While the past cannot be read nothing is told: it would be out of order.
func TestGapIsFilledWhenTheHomeserverIsBack(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@a:h", "first")
		c := follow(t, h)
		synctest.Wait()
		h.mu.Lock()
		h.status = func(path string) int {
			if strings.HasSuffix(path, "/messages") {
				return 500
			}
			return 0
		}
		for i := range batch + 8 {
			h.add("m.room.message", "@a:h", fmt.Sprint(i))
		}
		h.wake()
		h.mu.Unlock()
		c.silent()
		h.mu.Lock()
		h.status = nil
		h.mu.Unlock()
		for i := range batch + 8 {
			require.Equal(t, event27(i+2, fmt.Sprint(i)), c.next())
		}
		c.silent()
	})
}

// A to-device message that came is not asked past: another program may wait for it. Events
// are told all the same.
func TestToDeviceMessagesStay(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@a:h", "one")
		c := follow(t, h)
		h.mail()
		c.silent()
		for i := range 100 { // more than a timeline holds, one after the other
			h.say("@a:h", fmt.Sprint(i))
			require.Equal(t, event27(i+3, fmt.Sprint(i)), c.next())
		}
		c.silent()
		assert.Zero(t, h.lost())
		h.fetch()
		time.Sleep(2 * lastPause)
		before := len(h.requests())
		c.silent() // an hour: the polls are held again
		assert.InDelta(t, 3600/pollTimeout.Seconds(), len(h.requests())-before, 2)
		h.say("@a:h", "last")
		assert.Equal(t, event27(103, "last"), c.next())
	})
}

// So are those that lie there before the stream begins, where there is no place to go on
// from.
func TestToDeviceMessagesThatAreThere(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@a:h", "one")
		h.mail()
		c := follow(t, h)
		for i := range 100 {
			h.say("@a:h", fmt.Sprint(i))
			require.Equal(t, event27(i+3, fmt.Sprint(i)), c.next())
		}
		c.silent()
		assert.Zero(t, h.lost())
		h.kick()
		assert.Equal(t, 403, status(<-c.ended))
	})
}

// What was not acknowledged is told again when the client is back, and then what follows.
func TestRunAgain(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		c := follow(t, h)
		h.say("@a:h", "one", "two", "three")
		assert.Equal(t, event27(1, "one"), c.next())
		synctest.Wait()
		c.cancel()
		assert.ErrorIs(t, <-c.ended, context.Canceled)
		assert.Equal(t, fmt.Sprintf("{-1: %d}", mark(1)), diagnose(t, c.stream.Position()))
		h.say("@a:h", "four")
		c.run()
		for i, body := range []string{"two", "three", "four"} {
			assert.Equal(t, event27(i+2, body), c.next())
		}
		c.silent()
	})
}

// Idle, the homeserver holds the poll; one that does not is asked once a second.
func TestIdle(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		c := follow(t, h)
		synctest.Wait()
		before := len(h.requests())
		c.silent()
		assert.InDelta(t, 3600/pollTimeout.Seconds(), len(h.requests())-before, 2)
		before = len(h.requests())
		h.mu.Lock()
		h.hasty = true
		h.wake()
		h.mu.Unlock()
		c.silent()
		assert.InDelta(t, 3600, len(h.requests())-before, pollTimeout.Seconds()+1) // one is held still
	})
}

// A homeserver is not asked to tell more than the room, nor that the user is there.
func TestWhatIsAsked(t *testing.T) {
	virtual(t, func(t *testing.T, h *home) {
		h.say("@a:h", "one")
		c := follow(t, h)
		h.say("@a:h", "two")
		assert.Equal(t, event27(2, "two"), c.next())
		synctest.Wait()
		assert.Equal(t, []string{"account/whoami", "sync", "sync s1", "sync s2"}, h.requests())
	})
}
