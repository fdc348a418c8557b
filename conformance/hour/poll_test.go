package hour

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// poll makes one sync.
func (c *client) poll(ctx context.Context) bool {
	query, patience := c.first, c.firstPatience
	if c.since != "" {
		query, patience = c.next, c.pollPatience
	}
	method, target, body := c.request(call{request: c.sync, query: query}, nil)
	answer, status, ok := c.try(ctx, false, patience, method, target, body)
	if ok {
		require.Equal(c.t, http.StatusOK, status, answer)
		c.take(answer)
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	c.gaveUp.Add(1)
	time.Sleep(c.pause)
	for _, call := range c.keepAlive {
		for ctx.Err() == nil {
			method, target, body := c.request(call, nil)
			if _, _, ok := c.try(ctx, call.anonymous, keepAlivePatience, method, target, body); ok {
				break
			}
			c.gaveUp.Add(1)
			time.Sleep(c.pause)
		}
	}
	return false
}

// take reads a sync.
func (c *client) take(answer string) {
	var sync struct {
		Next  string `json:"next_batch"`
		Rooms struct {
			Join map[string]struct {
				Timeline struct {
					Limited bool
					Events  []struct {
						Type, Sender string
						ID           string `json:"event_id"`
					}
				}
			}
		}
	}
	require.NoError(c.t, json.Unmarshal([]byte(answer), &sync))
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.since == ""
	c.since = sync.Next
	timeline := sync.Rooms.Join[c.room].Timeline
	assert.True(c.t, first || !timeline.Limited, "more was said than a sync brings")
	for _, e := range timeline.Events {
		if e.Type != "m.room.message" && e.Type != "m.room.encrypted" {
			continue
		}
		c.heard = append(c.heard, e.ID)
		c.heardAt[e.ID] = time.Now()
		if e.Sender != c.userID {
			c.others = append(c.others, e.ID)
		}
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}
