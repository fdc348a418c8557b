package fakehs

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// TestEveryoneSeesEverythingOnce has users talk and listen at the same time; each must see one order, without gaps or repeats.
func TestEveryoneSeesEverythingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, each = 4, 25
		s := newServer()
		var clients []*client
		for i := range users {
			clients = append(clients, newUser(t, s, fmt.Sprintf("user%d", i)))
		}
		room := clients[0].do(200, "POST", "/createRoom", `{"preset":"public_chat"}`)["room_id"].(string)
		for _, c := range clients {
			c.do(200, "POST", "/join/"+room, "")
			c.sync("")
		}
		seen := make([][]string, users)
		var running sync.WaitGroup
		for i, c := range clients {
			speaker := *c
			running.Go(func() {
				for n := range each {
					speaker.send(room, fmt.Sprint(n), fmt.Sprintf("%d/%d", i, n))
				}
			})
			running.Go(func() {
				for len(seen[i]) < users*each {
					out := c.sync(`timeout=30000&filter={"room":{"timeline":{"limit":1000}}}`)
					seen[i] = append(seen[i], bodies(out.list("rooms", "join", room, "timeline", "events"))...)
				}
			})
		}
		running.Wait()
		for i := range clients {
			assert.Len(t, seen[i], users*each)
			assert.Equal(t, seen[0], seen[i])
		}
	})
}

func TestFiltersAreStoredAndHonoured(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	text := `{"room":{"timeline":{"not_types":["m.room.message"]},"ephemeral":{"types":[]}},"presence":{"types":[]}}`
	id := alice.do(200, "POST", "/user/"+alice.id+"/filter", text)["filter_id"].(string)
	assert.Equal(t, id, alice.do(200, "POST", "/user/"+alice.id+"/filter", text)["filter_id"], "the same filter has one id")
	assert.Equal(t, []any{}, alice.do(200, "GET", "/user/"+alice.id+"/filter/"+id, "").at("presence", "types"))
	alice.fails(403, "M_FORBIDDEN", "GET", "/user/"+bob.id+"/filter/"+id, "")
	alice.sync("filter=" + id)
	event := bob.send(room, "1", "hidden")
	bob.do(200, "POST", "/rooms/"+room+"/receipt/m.read/"+event, "{}")
	bob.do(200, "PUT", "/presence/@bob:hs.example/status", `{"presence":"unavailable"}`)
	bob.do(200, "PUT", "/rooms/"+room+"/send/org.example.x/2", "{}")
	news := alice.sync("filter=" + id)
	assert.Nil(t, news["presence"])
	assert.Nil(t, news.at("rooms", "join", room, "ephemeral"))
	events := news.list("rooms", "join", room, "timeline", "events")
	if assert.Len(t, events, 1) {
		assert.Equal(t, "org.example.x", events[0].(map[string]any)["type"])
	}
	assert.Nil(t, alice.do(200, "GET", `/sync?filter={"room":{"not_rooms":["`+room+`"]}}`, "")["rooms"])
}

func TestDiscovery(t *testing.T) {
	c := &client{t: t, server: New(Config{BaseURL: "https://ship.example"})}
	assert.Equal(t, "https://ship.example", c.do(200, "GET", "/.well-known/matrix/client", "").at("m.homeserver", "base_url"))
}

// BenchmarkSendAndSync is one message on its way from a sender to a reader.
func BenchmarkSendAndSync(b *testing.B) {
	alice, bob, room := twoInRoom(b)
	bob.sync("")
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		alice.send(room, fmt.Sprint(n), "hello world")
		bob.sync("timeout=1000")
	}
}
