package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/trace"
)

// TestBackoffDoublesAndExhaustionIsReported: go-coap repeats on a fixed tick and
// never reports the end.
func TestBackoffDoublesAndExhaustionIsReported(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		result := l.do(l.t.Context(), get("x"))
		l.run(`
			< CON GET #a t=$t /x
			< CON GET #a t=$t /x   @2s..2s
			< CON GET #a t=$t /x   @4s..4s
			< CON GET #a t=$t /x   @8s..8s
			< CON GET #a t=$t /x   @16s..16s
			~ 31s
		`)
		require.Empty(t, result)
		l.run(`~ 1s`)
		require.ErrorIs(t, (<-result).err, ErrTimeout)
		l.run(`~ 1h`)
	})
}

// TestJitter: the first timeout lies between ACK_TIMEOUT and ACK_TIMEOUT times
// ACK_RANDOM_FACTOR (RFC 7252 §4.2), and is not always the same.
func TestJitter(t *testing.T) {
	cfg := Config{Profile: testProfile()}
	cfg.Profile.AckRandomFactor = 1.5
	climb(t, cfg, func(l *ladder) {
		seen := map[time.Duration]bool{}
		for i := range 20 {
			ctx, cancel := context.WithCancel(l.t.Context())
			result := l.do(ctx, get("x"))
			l.run(fmt.Sprintf(`< CON GET #a%d t=$t%d /x`, i, i))
			start := time.Now()
			l.run(fmt.Sprintf(`< CON GET #a%d t=$t%d /x @2s..3s`, i, i))
			first := time.Since(start)
			l.run(fmt.Sprintf(`< CON GET #a%d t=$t%d /x @4s..6s`, i, i))
			assert.Equal(t, 3*first, time.Since(start), "doubled exactly")
			seen[first] = true
			cancel()
			require.ErrorIs(t, (<-result).err, context.Canceled)
		}
		require.Greater(t, len(seen), 15)
	})
}

func TestCancelStopsRetransmission(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		ctx, cancel := context.WithCancel(l.t.Context())
		result := l.do(ctx, get("x"))
		l.run(`< CON GET #a t=$t /x`)
		cancel()
		require.ErrorIs(t, (<-result).err, context.Canceled)
		l.run(`
			~ 100s
			> CON 2.05 #0001 t=$t "late"
			< RST EMPTY #0001
		`)
	})
}

func TestReset(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		result := l.do(l.t.Context(), get("x"))
		l.run(`
			< CON GET #a t=$t /x
			> RST EMPTY #a
			~ 100s
		`)
		var rejected *ResetError
		require.ErrorAs(t, (<-result).err, &rejected)
		require.Equal(t, l.mids["a"], rejected.MessageID)
	})
}

// TestMismatchedResponses: RFC 7252 §5.3.2 and §4.2.
func TestMismatchedResponses(t *testing.T) {
	got := ask(t, Config{Profile: testProfile()}, get("x"), `
		< CON GET #a t=$t /x
		> ACK 2.05 #a t=eeee "other token"
		> ACK 2.05 #0001 t=$t "other message"
		> ACK EMPTY #0002
		> RST EMPTY #0003
		> CON 2.05 #0004 t=eeee "unknown"
		< RST EMPTY #0004
		> NON 2.05 #0005 t=eeee "unknown"
		< RST EMPTY #0005
		> NON 2.05 #0006 t=$t "right"
		~ 100s
	`)
	require.Equal(t, outcome{Content, "right", nil}, got)
}

// TestResponseToAnotherRequest: the message ID of one and the token of another
// make no response to either.
func TestResponseToAnotherRequest(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		first := l.do(l.t.Context(), get("1"))
		l.run(`< CON GET #a t=$a /1`)
		second := l.do(l.t.Context(), get("2"))
		l.run(`
			< CON GET #b t=$b /2
			> ACK 2.05 #a t=$b "crossed"
			> ACK 2.05 #b t=$b "two"
			> ACK 2.05 #a t=$a "one"
		`)
		require.Equal(t, outcome{Content, "one", nil}, <-first)
		require.Equal(t, outcome{Content, "two", nil}, <-second)
	})
}

// TestNStart: a confirmable message waits for a place; the first to wait goes
// first, and an empty acknowledgement frees a place (RFC 7252 §4.7).
func TestNStart(t *testing.T) {
	cfg := Config{Profile: testProfile()}
	cfg.Profile.NStart = 1
	climb(t, cfg, func(l *ladder) {
		var results []<-chan outcome
		for i := range 3 {
			results = append(results, l.do(l.t.Context(), get(fmt.Sprint(i))))
			synctest.Wait()
		}
		l.run(`
			< CON GET #a t=$a /0
			~ 1s
			> ACK EMPTY #a
			< CON GET #b t=$b /1
			> ACK 2.05 #b t=$b
			< CON GET #c t=$c /2
			> RST EMPTY #c
			> CON 2.05 #0001 t=$a
			< ACK EMPTY #0001
		`)
		require.NoError(t, (<-results[0]).err)
		require.NoError(t, (<-results[1]).err)
		require.Error(t, (<-results[2]).err)
	})
}

// TestAbandonedWaiterLeavesTheGate: who gives up while waiting takes no place.
func TestAbandonedWaiterLeavesTheGate(t *testing.T) {
	cfg := Config{Profile: testProfile()}
	cfg.Profile.NStart = 1
	climb(t, cfg, func(l *ladder) {
		first := l.do(l.t.Context(), get("0"))
		l.run(`< CON GET #a t=$a /0`)
		ctx, cancel := context.WithCancel(l.t.Context())
		second := l.do(ctx, get("1"))
		synctest.Wait()
		cancel()
		require.ErrorIs(t, (<-second).err, context.Canceled)
		third := l.do(l.t.Context(), get("2"))
		l.run(`
			> ACK 2.05 #a t=$a
			< CON GET #c t=$c /2
			> ACK 2.05 #c t=$c
		`)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-third).err)
	})
}

// TestGateLosesNoPlace: also when who waits is admitted and gives up at once.
func TestGateLosesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{places: 1}
		for range 200 {
			require.NoError(t, g.enter(t.Context(), t.Context(), class{}))
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan error, 1)
			go func() { result <- g.enter(ctx, t.Context(), class{}) }()
			synctest.Wait()
			g.mu.Lock() // neither event is seen before the other
			cancel()
			g.mu.Unlock()
			g.leave()
			if <-result == nil {
				g.leave()
			}
			require.Zero(t, g.inside)
			require.Zero(t, g.waiting.count)
		}
	})
}

func TestPing(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		result := make(chan error, 1)
		go func() { result <- l.conn.Ping(l.t.Context()) }()
		l.run(`
			< CON EMPTY #a
			< CON EMPTY #a @2s..2s
			> RST EMPTY #a
		`)
		require.NoError(t, <-result)
		l.run(`
			> CON EMPTY #0001
			< RST EMPTY #0001
		`)
	})
}

// TestReadErrorsDoNotEndTheSession: what ICMP reports on a connected socket.
func TestReadErrorsDoNotEndTheSession(t *testing.T) {
	cfg := Config{Profile: testProfile(), Handler: answer(Content, "here")}
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := datagramPipe()
		for _, err := range []error{
			&net.OpError{Op: "read", Err: os.NewSyscallError("recvfrom", syscall.ECONNREFUSED)},
			&net.OpError{Op: "read", Err: os.NewSyscallError("recvfrom", syscall.EHOSTUNREACH)},
			os.ErrDeadlineExceeded,
		} {
			ours.errs <- err
		}
		c := New(ours, cfg)
		time.Sleep(time.Minute)
		theirs.Write([]byte{0x40, 1, 0, 1})
		_, ok := theirs.next(time.Second)
		require.True(t, ok)
		select {
		case <-c.Done():
			t.Fatal("session ended")
		default:
		}
		ours.errs <- io.EOF
		<-c.Done()
		c.Wait()
	})
}

// TestCloseEndsEverything: calls in progress fail, handlers are told, and nothing
// is left.
func TestCloseEndsEverything(t *testing.T) {
	told := make(chan struct{}, 1)
	h := HandlerFunc(func(ctx context.Context, _ *Request) *Response {
		<-ctx.Done()
		told <- struct{}{}
		return nil
	})
	climb(t, Config{Profile: testProfile(), Handler: h}, func(l *ladder) {
		waiting := l.do(l.t.Context(), get("x"))
		l.run(`
			< CON GET #a t=$a /x
			> CON GET #0001 t=01 /y
		`)
		require.NoError(t, l.conn.Close())
		require.NoError(t, l.conn.Close())
		require.ErrorIs(t, (<-waiting).err, ErrClosed)
		_, err := l.conn.Do(l.t.Context(), get("x"))
		require.ErrorIs(t, err, ErrClosed)
		require.ErrorIs(t, l.conn.Ping(l.t.Context()), ErrClosed)
		l.conn.Wait()
		require.Len(t, told, 1)
	})
}

// TestMessageIDsAreNotReused: 65,536 messages are sent at once; the next waits
// until EXCHANGE_LIFETIME is over (RFC 7252 §4.4).
func TestMessageIDsAreNotReused(t *testing.T) {
	p := testProfile()
	now := time.Unix(0, 0)
	ids := newMessageIDs()
	used := map[uint16]bool{}
	for range 1 << 16 {
		id, wait := ids.take(now, p.ExchangeLifetime())
		if wait > 0 {
			// The group in which the random start lay is entered a second time.
			break
		}
		require.False(t, used[id], "reused %d", id)
		used[id] = true
	}
	require.Greater(t, len(used), 1<<16-257)
	_, wait := ids.take(now.Add(time.Second), p.ExchangeLifetime())
	require.Equal(t, p.ExchangeLifetime()-time.Second, wait)
	id, wait := ids.take(now.Add(p.ExchangeLifetime()), p.ExchangeLifetime())
	require.Zero(t, wait)
	_, wait = ids.take(now.Add(p.ExchangeLifetime()), p.ExchangeLifetime())
	require.Zero(t, wait)
	_ = id
}

// TestTokenReuse: one byte is used again only after 64 newer datagrams from the
// peer; until then three bytes.
func TestTokenReuse(t *testing.T) {
	var ts tokens
	first := ts.take(0)
	require.Equal(t, []byte{0}, first.bytes())
	for range 255 {
		tok := ts.take(0)
		require.Len(t, tok.bytes(), 1)
	}
	wide := ts.take(0)
	require.Len(t, wide.bytes(), 3, "all of one byte are in use")
	ts.release(first, 100)
	soon := ts.take(100 + replayWindow - 1)
	require.Len(t, soon.bytes(), 3, "a late response could still be accepted")
	require.NotEqual(t, wide, soon)
	again := ts.take(100 + replayWindow)
	require.Equal(t, first, again)
	ts.release(wide, 200)
	require.NotContains(t, ts.inUse, wide)
}

// TestLongSessionKeepsTokensShort: in a session of request after request tokens
// stay at one byte.
func TestLongSessionKeepsTokensShort(t *testing.T) {
	var ts tokens
	for i := range uint64(10000) {
		tok := ts.take(i)
		require.EqualValues(t, 1, tok.n)
		ts.release(tok, i)
	}
	require.LessOrEqual(t, len(ts.ended), 256)
}

type recorder struct{ events []trace.Event }

func (r *recorder) Record(e trace.Event) { r.events = append(r.events, e) }

// TestTrace: every datagram is recorded with its kind and size.
func TestTrace(t *testing.T) {
	rec := &recorder{}
	climb(t, Config{Profile: testProfile(), Recorder: rec}, func(l *ladder) {
		result := l.do(l.t.Context(), get("x"))
		l.run(`
			< CON GET #a t=$a /x
			< CON GET #a t=$a /x   @2s..2s
			> CON 2.05 #0001 t=$a
			< ACK EMPTY #0001
			> CON 2.05 #0001 t=$a
			< ACK EMPTY #0001
		`)
		l.raw([]byte{0xff})
		require.NoError(t, (<-result).err)
		var kinds []trace.Kind
		for _, e := range rec.events {
			kinds = append(kinds, e.Kind)
			assert.NotZero(t, e.Bytes)
		}
		require.Equal(t, []trace.Kind{trace.Sent, trace.Retransmitted, trace.Received, trace.Sent,
			trace.Received, trace.Duplicate, trace.Sent, trace.Received, trace.Malformed}, kinds)
	})
}

// TestErrorsSayWhatHappened: errors are for people too.
func TestErrorsSayWhatHappened(t *testing.T) {
	for want, err := range map[string]error{
		"0x00ff":   &ResetError{0xff},
		"byte 64":  &BlockError{Offset: 64, Reason: "gone"},
		"4.08":     &BlockError{Code: RequestEntityIncomplete},
		"option 9": &OptionError{9},
		"why":      &FormatError{"why"},
	} {
		require.True(t, strings.Contains(err.Error(), want), err.Error())
		require.False(t, errors.Is(err, ErrClosed))
	}
}
