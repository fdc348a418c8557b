package hour

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Times of people: they read before their client says so, write for a while, and say
// something again after a turn.
const (
	reading = 2 * time.Second
	writing = 7 * time.Second
	turn    = 3 * time.Minute
)

// hang bounds what comes after the hour. It tells clients that never hear.
const hang = 2 * time.Hour

// talk lets both live for an hour and until they have heard everything, and returns how
// many messages that were.
func talk(t *testing.T, alice, bob *client) int {
	room := settle(t, alice, bob)
	ctx, stop := context.WithTimeout(t.Context(), time.Hour+hang)
	defer stop()
	var living sync.WaitGroup
	bob.begin(ctx)
	alice.begin(ctx) // after her peer, whose device she writes to
	var talking sync.WaitGroup
	said := make([]int, 2)
	end := time.Now().Add(time.Hour)
	for i, c := range []*client{alice, bob} {
		living.Go(func() {
			for ctx.Err() == nil {
				c.poll(ctx)
			}
		})
		living.Go(func() { c.read(ctx) })
		talking.Go(func() {
			time.Sleep(turn/2 + time.Duration(i)*turn/2 + time.Duration(c.random.IntN(20_000))*time.Millisecond)
			for n := 0; time.Now().Before(end); n++ {
				begun := time.Now()
				assert.NotEmpty(t, c.say(ctx, phrase(c, n)))
				said[i]++
				time.Sleep(turn - time.Since(begun) + time.Duration(c.random.IntN(20_000))*time.Millisecond)
			}
		})
	}
	talking.Wait()
	stored := history(t, bob, room)
	for _, c := range []*client{alice, bob} {
		for ctx.Err() == nil && len(c.messages()) < len(stored) {
			time.Sleep(time.Second)
		}
	}
	time.Sleep(turn) // what comes twice comes now
	stop()
	living.Wait()
	assert.Equal(t, context.Canceled, ctx.Err(), "someone did not hear everything in time")
	assert.Len(t, stored, said[0]+said[1], "the homeserver has each message once")
	assert.Equal(t, stored, alice.messages())
	assert.Equal(t, stored, bob.messages())
	return len(stored)
}

// phrase is what people say.
func phrase(c *client, n int) string {
	phrases := []string{
		"Anchored in the bay since ten, holding well in mud", "Roger, will do", "ETA 06:40 ⚓",
		"Does anybody have a spare impeller for a two-cylinder diesel?", "on the way", "Swell from the south, two and a half metres",
		"A previsão mudou, vento de nordeste à noite", "ok 👍",
	}
	return fmt.Sprintf("%s (%s %d)", phrases[(n+len(c.user))%len(phrases)], c.user, n)
}

// messages are those that the client has heard.
func (c *client) messages() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard)
}

// say sends a message, as often as it takes.
func (c *client) say(ctx context.Context, text string) (eventID string) {
	for _, call := range c.share {
		c.do(ctx, call, nil)
	}
	c.share = nil
	for _, call := range c.typing {
		c.do(ctx, call, nil)
	}
	time.Sleep(writing)
	quoted, _ := json.Marshal(text) // a string always is
	begun := time.Now()
	answer, answered := c.do(ctx, c.message, map[string]string{"text": string(quoted)})
	for _, call := range c.typed {
		c.do(ctx, call, nil)
	}
	if !answered {
		return ""
	}
	eventID = field(c.t, answer, "event_id")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saidAt[eventID] = begun
	return eventID
}

// wait is the median time from sending a message to its arrival at the peer. Both must
// be done.
func (c *client) wait() time.Duration {
	var waits []time.Duration
	for id, said := range c.saidAt {
		waits = append(waits, c.peer.heardAt[id].Sub(said))
	}
	slices.Sort(waits)
	return waits[len(waits)/2]
}

// read acknowledges the latest message of the peer whenever there is a new one.
func (c *client) read(ctx context.Context) {
	for seen := 0; ; {
		c.mu.Lock()
		others := c.others
		c.mu.Unlock()
		if len(others) > seen {
			time.Sleep(reading)
			seen = len(others)
			for _, call := range c.receipt {
				c.do(ctx, call, map[string]string{"eventId": others[seen-1]})
			}
			continue
		}
		select {
		case <-c.changed:
		case <-ctx.Done():
			return
		}
	}
}
