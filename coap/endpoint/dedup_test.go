package endpoint

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counting answers with the number of the call.
func counting() HandlerFunc {
	n := 0
	return func(context.Context, *Request) *Response {
		n++
		return &Response{Code: Changed, Body: strings.NewReader(fmt.Sprint(n)), Size: -1}
	}
}

// TestDuplicateNeverRunsAPostAgain: go-coap runs it again, with an empty body.
func TestDuplicateNeverRunsAPostAgain(t *testing.T) {
	play(t, Config{Profile: testProfile(), Handler: counting()}, `
		> CON POST #0001 t=01 /x "body"
		< ACK 2.04 #0001 t=01 "1"
		> CON POST #0001 t=01 /x "body"
		< ACK 2.04 #0001 t=01 "1"
		~ 231s
		> CON POST #0001 t=01 /x "body"
		< ACK 2.04 #0001 t=01 "1"
		~ 2s
		> CON POST #0001 t=01 /x "body"
		< ACK 2.04 #0001 t=01 "2"
	`)
}

// TestExchangeLifetimeFollowsProfile: go-coap has 247 s whatever the link.
func TestExchangeLifetimeFollowsProfile(t *testing.T) {
	cfg := Config{Profile: testProfile(), Handler: counting()}
	cfg.Profile.AckTimeout = 20 * time.Second
	climb(t, cfg, func(l *ladder) {
		lifetime := cfg.Profile.ExchangeLifetime()
		require.Greater(t, lifetime, 500*time.Second)
		l.run(fmt.Sprintf(`
			> CON POST #0001 t=01 /x
			< ACK 2.04 #0001 t=01 "1"
			~ %v
			> CON POST #0001 t=01 /x
			< ACK 2.04 #0001 t=01 "1"
			~ 2s
			> CON POST #0001 t=01 /x
			< ACK 2.04 #0001 t=01 "2"
		`, lifetime-time.Second))
	})
}

// TestExchangeLifetimeIsTheLongerOne: of both peers.
func TestExchangeLifetimeIsTheLongerOne(t *testing.T) {
	climb(t, Config{Profile: testProfile(), Handler: counting()}, func(l *ladder) {
		slow := testProfile()
		slow.AckTimeout = 20 * time.Second
		l.conn.SetPeer(slow)
		l.run(`
			> CON POST #0001 t=01 /x
			< ACK 2.04 #0001 t=01 "1"
			~ 300s
			> CON POST #0001 t=01 /x
			< ACK 2.04 #0001 t=01 "1"
		`)
	})
}

// TestSameMessageIDOtherBytes: is no duplicate.
func TestSameMessageIDOtherBytes(t *testing.T) {
	play(t, Config{Profile: testProfile(), Handler: counting()}, `
		> CON POST #0001 t=01 /x "a"
		< ACK 2.04 #0001 t=01 "1"
		> CON POST #0001 t=02 /x "a"
		< ACK 2.04 #0001 t=02 "2"
		> CON POST #0001 t=01 /x "a"
		< ACK 2.04 #0001 t=01 "1"
	`)
}

// TestLateDuplicateIsIgnored: when the peer has used the token for another
// request it does not wait for the first any more.
func TestLateDuplicateIsIgnored(t *testing.T) {
	play(t, Config{Profile: testProfile(), Handler: counting()}, `
		> CON POST #0001 t=01 /x
		< ACK 2.04 #0001 t=01 "1"
		> CON POST #0002 t=01 /x
		< ACK 2.04 #0002 t=01 "2"
		> CON POST #0001 t=01 /x
		~ 10s
		> CON POST #0002 t=01 /x
		< ACK 2.04 #0002 t=01 "2"
	`)
}

// TestDeduplicationIsBounded: when it is full new requests are answered 5.03, and
// what was answered before is remembered.
func TestDeduplicationIsBounded(t *testing.T) {
	climb(t, Config{Profile: testProfile(), Handler: counting()}, func(l *ladder) {
		for i := range maxMarks {
			m := Message{Type: Confirmable, Code: POST, MessageID: uint16(i), Token: []byte{byte(i >> 8), byte(i)}}
			data, err := AppendMessage(nil, &m)
			require.NoError(t, err)
			l.raw(data)
			_, ok := l.peer.next(time.Second)
			require.True(t, ok)
		}
		l.run(`
			> CON POST #0001 t=aa /again
			< ACK 5.03 #0001 t=aa MaxAge=5
			> CON POST #0001 t=0001
			< ACK 2.04 #0001 t=0001 "2"
			~ 300s
			> CON POST #0001 t=aa /again
			< ACK 2.04 #0001 t=aa "65537"
		`)
	})
}

// TestReplyMemoryIsBounded: replies count by their size.
func TestReplyMemoryIsBounded(t *testing.T) {
	climb(t, Config{Profile: testProfile(), Handler: answer(Content, strings.Repeat("x", 1000))}, func(l *ladder) {
		refused := 0
		for i := range 3000 {
			m := Message{Type: Confirmable, Code: GET, MessageID: uint16(i), Token: []byte{byte(i >> 8), byte(i)}}
			data, err := AppendMessage(nil, &m)
			require.NoError(t, err)
			l.raw(data)
			reply, ok := l.peer.next(time.Second)
			require.True(t, ok)
			got, err := ParseMessage(reply)
			require.NoError(t, err)
			if got.Code == ServiceUnavailable {
				refused++
			}
		}
		require.Greater(t, refused, 1000)
		require.LessOrEqual(t, l.conn.seen.bytes, maxReplyBytes+1100)
	})
}

// TestNonLifetimeIsShorter: than that of a confirmable message before it.
func TestNonLifetimeIsShorter(t *testing.T) {
	play(t, Config{Profile: testProfile(), Handler: counting()}, `
		> CON POST #0001 t=01 /x
		< ACK 2.04 #0001 t=01 "1"
		> NON POST #0002 t=02 /x
		< NON 2.04 #a t=02 "2"
		~ 140s
		> NON POST #0002 t=02 /x
		< NON 2.04 #b t=02 "3"
		> CON POST #0001 t=01 /x
		< ACK 2.04 #0001 t=01 "1"
	`)
}

// TestDeduplicationTakesLittle: a session that has used every message ID holds as much as is
// counted, and most is what it must not do without.
func TestDeduplicationTakesLittle(t *testing.T) {
	inUse := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, tt := range []struct {
		name   string
		tokens int
		most   int64
	}{
		{"tokens used again, as we do", 256, 4 << 20},
		{"tokens never used again", maxMarks, 13 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := inUse()
			q := NewQuota(1 << 40)
			d := newDuplicates(q)
			for i := range maxMarks {
				message := binary.BigEndian.AppendUint32(nil, uint32(i))
				tok := tokenOf(binary.BigEndian.AppendUint16(nil, uint16(i%tt.tokens)))
				d.supersede(tok)
				d.answered(d.add(d.hash(message), tok, d.begun.Add(time.Hour), false), make([]byte, 12))
			}
			held := inUse() - before
			t.Logf("%d bytes, %d a mark, %d counted", held, held/maxMarks, q.Used()+ownQuota)
			assert.Less(t, held, tt.most)
			assert.Less(t, held, q.Used()+ownQuota)
			require.True(t, d.full())
			last := d.add(1<<40, token{}, d.begun.Add(3*time.Hour), false)
			d.answered(last, []byte{1})
			d.expire(d.begun.Add(2 * time.Hour))
			assert.Less(t, inUse()-before, int64(64<<10), "what a burst took is given back while the session goes on")
			reply, ok := d.find(last.hash, d.begun.Add(2*time.Hour))
			assert.True(t, ok)
			assert.Equal(t, []byte{1}, reply)
			assert.Zero(t, q.Used())
			d.expire(d.begun.Add(4 * time.Hour))
			assert.Zero(t, d.share.held)
		})
	}
}

// TestAnsweredAfterExpiry: a handler may take longer than EXCHANGE_LIFETIME, and what is
// kept for its answer then would never expire.
func TestAnsweredAfterExpiry(t *testing.T) {
	d := newDuplicates(nil)
	m := d.add(1, token{n: 1}, d.begun.Add(time.Second), false)
	d.expire(d.begun.Add(time.Minute))
	d.answered(m, make([]byte, 100))
	require.Zero(t, d.bytes)
	require.Empty(t, d.byToken)
	d.remove(m)
	require.Zero(t, d.share.held)
}

// TestLostBlocksLeaveNoMarks: blocks behind the first are taken even when no mark has room.
// Those of no transfer, and those that get no answer for want of a message ID, would be
// remembered without a bound.
func TestLostBlocksLeaveNoMarks(t *testing.T) {
	cfg := Config{Profile: testProfile(), Handler: counting(), Quota: NewQuota(1)}
	climb(t, cfg, func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=1/0/64 "end"
			< ACK 4.08 #0001 t=01 Block1=1/0/64
			> CON PUT #0001 t=01 /x Block1=1/0/64 "end"
			< ACK 4.08 #0001 t=01 Block1=1/0/64
		`)
		l.conn.mu.Lock()
		assert.Empty(t, l.conn.seen.marks, "of no transfer")
		for wait := time.Duration(0); wait == 0; {
			_, wait = l.conn.mids.take(time.Now(), l.conn.terms().lifetime)
		}
		l.conn.mu.Unlock()
		l.run(`
			> NON GET #0002 t=02 /x Block2=1/0/64
			> NON PUT #0003 t=03 /x Block1=1/0/64 "end"
			~ 1s
		`)
		l.conn.mu.Lock()
		defer l.conn.mu.Unlock()
		assert.Empty(t, l.conn.seen.marks, "of no answer")
		assert.Zero(t, l.conn.seen.share.held)
	})
}

// TestQuotaIsShared: what one session takes beyond what is its own others of the same quota
// cannot have, but for what is theirs; all of it comes back.
func TestQuotaIsShared(t *testing.T) {
	q := NewQuota(ownQuota)
	cfg := Config{Profile: testProfile(), Handler: counting(), Quota: q}
	climb(t, cfg, func(l *ladder) {
		l.conn.mu.Lock()
		expires := time.Now().Add(cfg.Profile.ExchangeLifetime())
		for i := 0; !l.conn.seen.full(); i++ {
			l.conn.seen.add(uint64(i), token{}, expires, false)
		}
		l.conn.sweepBefore(expires)
		l.conn.mu.Unlock()
		l.run(`
			> CON POST #ffff t=aa /full
			< ACK 5.03 #ffff t=aa MaxAge=5
		`)
		require.GreaterOrEqual(t, q.Used(), int64(ownQuota))
		other := newDuplicates(q)
		for i := range ownQuota / markCost {
			require.False(t, other.full())
			other.add(uint64(i), token{}, other.begun, false)
		}
		other.add(1<<40, token{}, other.begun, false)
		require.True(t, other.full())
		other.release()
		l.run(`
			~ 300s
			> CON POST #ffff t=aa /again
			< ACK 2.04 #ffff t=aa "1"
		`)
		require.Zero(t, q.Used())
		require.NoError(t, l.conn.Close())
		require.Zero(t, l.conn.seen.share.held)
	})
}
