package endpoint

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

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
