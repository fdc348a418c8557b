package fakehs

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// poll starts a long poll and returns what waits for its answer and how long that took.
func (c *client) poll(ctx context.Context, query string) func() (reply, time.Duration) {
	type result struct {
		body []byte
		took time.Duration
	}
	done := make(chan result, 1)
	go func() {
		start := time.Now()
		w := c.raw(ctx, "GET", v3+"/sync?since="+c.since+"&"+query, "")
		done <- result{w.Body.Bytes(), time.Since(start)}
	}()
	return func() (out reply, took time.Duration) {
		r := <-done
		require.NoError(c.t, json.Unmarshal(r.body, &out))
		if next, ok := out["next_batch"].(string); ok {
			c.since = next
		}
		return out, r.took
	}
}

func TestLongPollWakesForAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob, room := twoInRoom(t)
		alice.sync("")
		bob.sync("")
		alice.sync("") // bob came online
		wait := bob.poll(t.Context(), "timeout=30000")
		time.Sleep(7 * time.Second)
		alice.send(room, "1", "wake up")
		out, took := wait()
		assert.Equal(t, 7*time.Second, took)
		assert.Equal(t, []string{"wake up"}, bodies(out.list("rooms", "join", room, "timeline", "events")))
	})
}

func TestLongPollTimesOutEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob, _ := twoInRoom(t)
		alice.sync("")
		bob.sync("")
		before := bob.since
		wait := bob.poll(t.Context(), "timeout=30000")
		time.Sleep(time.Second)
		newUser(t, alice.server, "carol") // a stranger is no news
		out, took := wait()
		assert.Equal(t, 30*time.Second, took)
		assert.NotEqual(t, before, out["next_batch"], "the token moves past what was no news")
		assert.Nil(t, out["rooms"])
		assert.NotNil(t, out["device_one_time_keys_count"])
		assert.NotNil(t, out["device_unused_fallback_key_types"])
	})
}

func TestLongPollEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := newUser(t, newServer(), "alice")
		alice.sync("")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, took := alice.poll(ctx, "timeout=30000")()
		assert.Equal(t, 3*time.Second, took)
	})
}

func TestLongPollEndsAtLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := newUser(t, newServer(), "alice")
		alice.sync("")
		wait := alice.poll(t.Context(), "timeout=30000")
		synctest.Wait()
		alice.do(200, "POST", "/logout", "")
		out, _ := wait()
		assert.Equal(t, "M_UNKNOWN_TOKEN", out["errcode"])
	})
}

func TestTypingExpiresWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob, room := twoInRoom(t)
		alice.sync("")
		bob.sync("")
		alice.do(200, "PUT", "/rooms/"+room+"/typing/"+alice.id, `{"typing":true,"timeout":5000}`)
		typists := func(out reply) any {
			e := out.list("rooms", "join", room, "ephemeral", "events")
			require.Len(t, e, 1)
			return reply(e[0].(map[string]any)).at("content", "user_ids")
		}
		assert.Equal(t, []any{alice.id}, typists(bob.sync("")))
		out, took := bob.poll(t.Context(), "timeout=30000")()
		assert.Equal(t, 5*time.Second, took)
		assert.Equal(t, []any{}, typists(out))
	})
}

func TestSameSinceGivesTheSameNews(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	bob.sync("")
	since := bob.since
	alice.send(room, "1", "lost answer")
	for range 2 {
		bob.since = since
		assert.Equal(t, []string{"lost answer"}, bodies(bob.sync("").list("rooms", "join", room, "timeline", "events")))
	}
}

func TestSyncRejectsForeignTokens(t *testing.T) {
	alice := newUser(t, newServer(), "alice")
	for _, since := range []string{"x", "s1", "s1_2", "s1_2_3_4", "s-1_0_0", "s999_0_0", "s0_999_0", "s0_0_999", "12_0_0"} {
		t.Run(since, func(t *testing.T) { alice.fails(400, "M_INVALID_PARAM", "GET", "/sync?since="+since, "") })
	}
	alice.fails(404, "M_NOT_FOUND", "GET", "/sync?filter=7", "")
	alice.fails(400, "M_INVALID_PARAM", "GET", "/sync?filter={", "")
}

func TestToDeviceIsKeptUntilAcknowledged(t *testing.T) {
	alice, bob, _ := twoInRoom(t)
	other := bob.anotherDevice()
	start := bob.sync("")
	require.Nil(t, start["to_device"])
	since := bob.since
	body := `{"messages":{"@bob:hs.example":{"` + bob.device + `":{"key":1}},"@nobody:hs.example":{"*":{}}}}`
	for range 2 { // the second is a retry
		alice.do(200, "PUT", "/sendToDevice/m.room.encrypted/t1", body)
	}
	for range 2 {
		bob.since = since
		got := bob.sync("").list("to_device", "events")
		require.Len(t, got, 1, "repeated until the client comes back with the newer token")
		assert.Equal(t, map[string]any{"type": "m.room.encrypted", "sender": alice.id, "content": map[string]any{"key": float64(1)}}, got[0])
	}
	assert.Nil(t, bob.sync("")["to_device"])
	bob.since = since
	assert.Nil(t, bob.sync("")["to_device"], "gone once acknowledged")
	assert.Nil(t, other.sync("")["to_device"], "addressed to one device")

	alice.do(200, "PUT", "/sendToDevice/m.dummy/t2", `{"messages":{"@bob:hs.example":{"*":{}}}}`)
	assert.Len(t, bob.sync("").list("to_device", "events"), 1)
	assert.Len(t, other.sync("").list("to_device", "events"), 1)
}

func TestToDeviceComesInBatches(t *testing.T) {
	alice, bob, _ := twoInRoom(t)
	bob.sync("")
	for i := range toDeviceBatch + 5 {
		alice.do(200, "PUT", "/sendToDevice/m.dummy/"+strconv.Itoa(i), `{"messages":{"@bob:hs.example":{"*":{}}}}`)
	}
	assert.Len(t, bob.sync("").list("to_device", "events"), toDeviceBatch)
	assert.Len(t, bob.sync("").list("to_device", "events"), 5)
	assert.Nil(t, bob.sync("")["to_device"])
}
