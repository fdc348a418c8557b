package fakehs

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
)

// memberKeys are the users whose membership is in a list of events.
func memberKeys(events []any) []string {
	users := []string{}
	for _, e := range events {
		if r := reply(e.(map[string]any)); r["type"] == typeMember {
			users = append(users, r["state_key"].(string))
		}
	}
	return users
}

// TestLazyMembers: with lazy loading a client gets the members who wrote what it
// sees, and itself (CS API, "Lazy-loading room members").
func TestLazyMembers(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	for n := range 46 {
		alice.do(200, "POST", "/rooms/"+room+"/invite", `{"user_id":"`+newUser(t, alice.server, fmt.Sprintf("crew%02d", n)).id+`"}`)
	}
	for n := range 3 {
		bob.send(room, fmt.Sprint(n), "hello")
	}
	const lazy = `{"room":{"timeline":{"limit":3},"state":{"lazy_load_members":true}}}`
	state := func(c *client, filter string) []string {
		return memberKeys(c.sync("filter="+url.QueryEscape(filter)).list("rooms", "join", room, "state", "events"))
	}
	assert.ElementsMatch(t, []string{alice.id, bob.id}, state(alice, lazy))
	all := &client{t: t, server: alice.server, token: alice.token}
	assert.Len(t, state(all, `{"room":{"timeline":{"limit":3}}}`), 48)

	// Bob is known by now, but the server keeps no account of that.
	bob.send(room, "later", "still here")
	assert.Equal(t, []string{bob.id}, state(alice, lazy))
	stayed := alice.since
	// Whose membership is itself news stands in the timeline only.
	bob.do(200, "POST", "/rooms/"+room+"/leave", "{}")
	assert.Empty(t, state(alice, lazy))

	page := alice.do(200, "GET", "/rooms/"+room+"/messages?dir=b&limit=3&filter="+url.QueryEscape(`{"types":["m.room.message"],"lazy_load_members":true}`), "")
	assert.Equal(t, []string{bob.id}, memberKeys(page.list("state")))
	page = alice.do(200, "GET", "/rooms/"+room+"/messages?dir=b&limit=3", "")
	assert.Empty(t, page.list("state"))

	assert.Len(t, alice.do(200, "GET", "/rooms/"+room+"/members?not_membership=leave", "").list("chunk"), 47)
	assert.Len(t, alice.do(200, "GET", "/rooms/"+room+"/members?not_membership=leave&at="+stayed, "").list("chunk"), 48)
	alice.fails(400, "M_INVALID_PARAM", "GET", "/rooms/"+room+"/members?at=yesterday", "")
}
