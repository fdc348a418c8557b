package inspect

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
)

// midway returns the payloads of a typing notification, a message and another notification,
// of a session that had gone on for a while.
func midway(t *testing.T, policy coder.Policy) (payloads [][]byte) {
	t.Helper()
	format, err := shippedFormat()
	require.NoError(t, err)
	terms := wire2.Terms{Home: "example.org", Size: 1024, Policy: policy}
	client, server := format.NewClient(terms), format.NewServer(terms, 0)
	exchange := func(target, body, answer string) {
		payload, x, err := client.Request(nil, &dialect.Request{Method: "PUT", Target: "/_matrix/client/v3/rooms/!r%3Aexample.org/" + target, Body: []byte(body)}, time.Time{})
		require.NoError(t, err)
		call := server.Admit(0)
		require.NoError(t, call.Request(new(dialect.Request), payload))
		x.Arrived()
		coded, err := call.Response(nil, []byte(answer), 200)
		require.NoError(t, err)
		_, _, err = x.Response(nil, coded, 200)
		require.NoError(t, err)
		payloads = append(payloads, payload)
	}
	send := func(id string) {
		exchange("send/m.room.message/1795328724548__inc"+id, `{"msgtype":"m.text","body":"good morning, is anybody there?"}`, `{"event_id":"$`+strings.Repeat(id, 43)+`"}`)
	}
	typing := func() { exchange("typing/%40alice%3Aexample.org", `{"typing":false}`, `{}`) }
	for _, id := range []string{"1", "2", "3"} {
		send(id)
	}
	payloads = nil
	typing()
	send("4")
	typing()
	for _, p := range payloads {
		require.NotZero(t, wire2.OwnBase(p))
	}
	return payloads
}

// TestGuess: of a session that was not seen from its beginning, requests are read from the
// first on that tells how its client writes, and the reader is told so.
func TestGuess(t *testing.T) {
	const unseen, guessed = "coded against what was not seen, how its client writes", "is guessed"
	format, err := shippedFormat()
	require.NoError(t, err)
	show := func(s *Session, payload []byte) string {
		var r Report
		_, err := s.Request(&r, payload)
		require.NoError(t, err)
		require.Equal(t, len(payload), r.Total())
		var b strings.Builder
		require.NoError(t, r.Write(&b, Style{Full: true}))
		return b.String()
	}
	s := NewSession(format, "example.org")
	payloads := midway(t, coder.Server.Policy())
	text := show(s, payloads[0])
	assert.Contains(t, text, unseen)
	assert.NotContains(t, text, "typing")
	text = show(s, payloads[1])
	assert.Contains(t, text, guessed)
	assert.Contains(t, text, "good morning, is anybody there?")
	text = show(s, payloads[2])
	assert.Contains(t, text, guessed)
	assert.Contains(t, text, "typing/{userId}")

	// What is not mixed does not depend on it.
	s = NewSession(format, "example.org")
	text = show(s, midway(t, coder.Policy{})[0])
	assert.Contains(t, text, "typing/{userId}")
	assert.NotContains(t, text, guessed)

	// Who knows how it writes may say it.
	s = NewSession(format, "example.org")
	style, ok := StyleOf("/_matrix/client/v3/rooms/!r%3Aexample.org/send/m.room.message/1795328724548__inc1")
	require.True(t, ok)
	s.Assume(style)
	text = show(s, payloads[0])
	assert.Contains(t, text, "typing/{userId}")
	assert.NotContains(t, text, guessed)
	_, ok = StyleOf("/_matrix/client/v3/sync")
	assert.False(t, ok)
	_, ok = StyleOf("nowhere")
	assert.False(t, ok)

	s = NewSession(format, "example.org")
	assert.Contains(t, show(s, append(payloads[1], make([]byte, maxGuessed)...)), unseen, "too long to try")
}
