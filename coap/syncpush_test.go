package coap_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/observe"
)

// TestPushedTooLong: an update that does not fit one datagram is called for, and the
// observation ends with that; the homeserver is not asked past it.
func TestPushedTooLong(t *testing.T) {
	text := make([]byte, 3000) // that no coder makes short
	_, _ = rand.NewChaCha8([32]byte{}).Read(text)
	script := &syncScript{answers: map[string][]syncAnswer{
		"s0": {{0, 200, nothing("s1", "50")}},
		"s1": {{time.Second, 200, oneMessage("s2", base64.StdEncoding.EncodeToString(text))}},
	}}
	inPush(t, script, func(t *testing.T, tr *coap.Transport) {
		var p pushed
		o, err := tr.Observe(syncFrom(t, "s1"), nil, p.deliver)
		require.NoError(t, err)
		<-o.Done()
		require.NoError(t, o.Err())
		assert.Equal(t, []string{"fetch"}, p.got())
		assert.NotContains(t, strings.Join(script.questions(), "\n"), "s2 ")
	})
}

// TestPushedTooMuch: so is an answer that the gateway does not read.
func TestPushedTooMuch(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s0": {{0, 200, nothing("s1", "50")}},
		"s1": {{time.Second, 200, `{"rooms":{}}`}},
	}}
	inPush(t, script, func(t *testing.T, tr *coap.Transport) {
		var p pushed
		o, err := tr.Observe(syncFrom(t, "s1"), nil, p.deliver)
		require.NoError(t, err)
		<-o.Done()
		assert.Equal(t, []string{"fetch"}, p.got(), "no next_batch in it")
	})
}

// TestPushedCancel: nothing is pushed, and the homeserver not asked, once the client has
// cancelled.
func TestPushedCancel(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s0": {{0, 200, nothing("s1", "50")}},
		"s1": {{time.Minute, 200, oneMessage("s2", "one")}},
	}}
	inPush(t, script, func(t *testing.T, tr *coap.Transport) {
		var p pushed
		o, err := tr.Observe(syncFrom(t, "s1"), nil, p.deliver)
		require.NoError(t, err)
		require.NoError(t, o.Cancel(t.Context()))
		<-o.Done()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Empty(t, p.got())
		assert.Len(t, script.questions(), 2)
		assert.Equal(t, 15*time.Minute, o.Renew(), "a server without a store forgets")
	})
}

// TestPushedPresence: the polls in a client's name say of it what it said.
func TestPushedPresence(t *testing.T) {
	var asked []string
	script := &syncScript{answers: map[string][]syncAnswer{"s0": {{0, 200, nothing("s1", "50")}}}}
	for range 200 {
		script.answers["s1"] = append(script.answers["s1"], syncAnswer{30 * time.Second, 200, nothing("s1", "50")})
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		script.mu.Lock()
		asked = append(asked, r.URL.Query().Get("set_presence"))
		script.mu.Unlock()
		script.ServeHTTP(w, r)
	})
	inPush(t, h, func(t *testing.T, tr *coap.Transport) {
		var p pushed
		r := syncFrom(t, "s1")
		r.URL.RawQuery += "&set_presence=unavailable"
		_, err := tr.Observe(r, nil, p.deliver)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		script.mu.Lock()
		defer script.mu.Unlock()
		require.Greater(t, len(asked), 100)
		assert.Equal(t, "unavailable", asked[len(asked)-1])
		assert.Empty(t, p.got())
	})
}

// TestPushedRejected: what the client does not keep is told again to its next observation.
func TestPushedRejected(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s0": {{0, 200, nothing("s1", "50")}},
		"s1": {{time.Second, 200, oneMessage("s2", "one")}, {0, 200, oneMessage("s2", "one")}},
	}}
	inPush(t, script, func(t *testing.T, tr *coap.Transport) {
		var p pushed
		refused := context.Canceled
		o, err := tr.Observe(syncFrom(t, "s1"), nil, func(observe.Pushed) error { return refused })
		require.NoError(t, err)
		<-o.Done()
		require.ErrorIs(t, o.Err(), refused)
		_, err = tr.Observe(syncFrom(t, "s1"), nil, p.deliver)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		assert.Equal(t, []string{oneMessage("s2", "one")}, p.got())
	})
}

// TestPushedInstead: an observation that the client has left is ended by the next one, and
// the homeserver is not asked for both.
func TestPushedInstead(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s0": {{0, 200, nothing("s1", "50")}},
		"s1": {{time.Hour, 200, oneMessage("s2", "left")}, {time.Minute, 200, oneMessage("s2", "one")}},
	}}
	inPush(t, script, func(t *testing.T, tr *coap.Transport) {
		var left, p pushed
		o, err := tr.Observe(syncFrom(t, "s1"), nil, left.deliver)
		require.NoError(t, err)
		o.Leave()
		<-o.Done()
		_, err = tr.Observe(syncFrom(t, "s1"), o, p.deliver)
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		assert.Empty(t, left.got())
		assert.Equal(t, []string{oneMessage("s2", "one")}, p.got())
	})
}

// ownMessage is what the device that asks has sent itself.
func ownMessage(next, text string) string {
	return fmt.Sprintf(`{"next_batch":%q,"rooms":{"join":{"!r:h":{"timeline":{"events":[{"type":"m.room.message","content":{"body":%q},"unsigned":{"transaction_id":"m1"}}],"prev_batch":"p"},"unread_notifications":{"highlight_count":0,"notification_count":0}}}}}`, next, text)
}

// TestPushedEcho: on a slow link what the client has sent itself waits for what others say, and
// for a while.
func TestPushedEcho(t *testing.T) {
	both := strings.Replace(ownMessage("s3", "mine"), `}]`, `},{"type":"m.room.message","content":{"body":"theirs"}}]`, 1)
	for _, tt := range []struct {
		link     string
		answered time.Duration // after which somebody answers
		want     []string
		after    time.Duration
	}{
		{"default", 10 * time.Second, []string{ownMessage("s2", "mine"), oneMessage("s3", "theirs")}, 10 * time.Second},
		{"hf-vara500", 10 * time.Second, []string{both}, 10 * time.Second},
		{"hf-vara500", time.Hour, []string{ownMessage("s2", "mine"), oneMessage("s3", "theirs")}, time.Hour},
	} {
		profile, ok := link.ByName(tt.link)
		require.True(t, ok)
		begun := time.Now()
		homeserver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			since, wait := r.URL.Query().Get("since"), time.Duration(0)
			if ms, err := strconv.Atoi(r.URL.Query().Get("timeout")); err == nil {
				wait = time.Duration(ms) * time.Millisecond
			}
			left := tt.answered - time.Since(begun)
			body := nothing("s1", "50")
			switch {
			case since == "s1" && left > 0:
				body = ownMessage("s2", "mine")
			case since == "s1":
				body = both
			case since == "s2" && left <= wait:
				if left > 0 && !pause(r, left) {
					return
				}
				body = oneMessage("s3", "theirs")
			case since == "s2" || since == "s3":
				if !pause(r, wait) {
					return
				}
				body = nothing(since, "50")
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		})
		inPushOver(t, profile, homeserver, func(t *testing.T, tr *coap.Transport) {
			begun = time.Now()
			var p pushed
			_, err := tr.Observe(syncFrom(t, "s1"), nil, p.deliver)
			require.NoError(t, err)
			time.Sleep(tt.after + 2*time.Minute)
			assert.Equal(t, tt.want, p.got(), "%s, answered after %v", tt.link, tt.answered)
		})
	}
}

// pause waits; it reports false when the request was given up meanwhile.
func pause(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}
