package microcontroller

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// person is a user of Dendrite, who talks to it in plain HTTP.
type person struct{ name, id, password, token string }

const api = "/_matrix/client/v3"

// call makes a request to Dendrite itself and reads its answer into answer.
func (p person) call(ctx context.Context, t *testing.T, method, path string, body, answer any) {
	t.Helper()
	content, err := json.Marshal(body)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(ctx, method, bed.homeserverURL+api+path, bytes.NewReader(content))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s %s: %s", method, path, said)
	if answer != nil {
		require.NoError(t, json.Unmarshal(said, answer))
	}
}

// register makes a user whose name begins with a prefix.
func register(t *testing.T, prefix string) person {
	t.Helper()
	p := person{name: prefix + "-" + strings.ToLower(rand.Text())[:6], password: rand.Text()}
	var got struct {
		UserID string `json:"user_id"`
		Token  string `json:"access_token"`
	}
	p.call(t.Context(), t, "POST", "/register", map[string]any{
		"username": p.name, "password": p.password, "auth": map[string]string{"type": "m.login.dummy"},
	}, &got)
	p.id, p.token = got.UserID, got.Token
	return p
}

// invite makes a private room into which others are invited, and returns its ID.
func (p person) invite(t *testing.T, others ...person) (room string) {
	t.Helper()
	ids := []string{}
	for _, o := range others {
		ids = append(ids, o.id)
	}
	var got struct {
		RoomID string `json:"room_id"`
	}
	p.call(t.Context(), t, "POST", "/createRoom", map[string]any{"preset": "private_chat", "invite": ids}, &got)
	return got.RoomID
}

// say sends a message to a room.
func (p person) say(t *testing.T, room, text string) {
	t.Helper()
	p.call(t.Context(), t, "PUT", "/rooms/"+url.PathEscape(room)+"/send/m.room.message/"+rand.Text(),
		map[string]string{"msgtype": "m.text", "body": text}, nil)
}

// messages are the texts that another has sent to a room, in their order, once there are
// so many.
func (p person) messages(t *testing.T, room string, other person, count int) (texts []string) {
	t.Helper()
	p.until(t, room, func(e event) bool {
		if e.Type == "m.room.message" && e.Sender == other.id {
			texts = append(texts, e.Content.Body)
		}
		return len(texts) == count
	})
	return texts
}

type event struct {
	Type    string `json:"type"`
	Sender  string `json:"sender"`
	Content struct {
		Body string `json:"body"`
	} `json:"content"`
}

// until reads the room's events from its beginning until found accepts one.
func (p person) until(t *testing.T, room string, found func(event) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	since := ""
	for {
		var got struct {
			NextBatch string `json:"next_batch"`
			Rooms     struct {
				Join map[string]struct {
					Timeline struct {
						Limited bool    `json:"limited"`
						Events  []event `json:"events"`
					} `json:"timeline"`
				} `json:"join"`
			} `json:"rooms"`
		}
		filter := url.QueryEscape(`{"room":{"timeline":{"limit":1000}}}`)
		p.call(ctx, t, "GET", fmt.Sprintf("/sync?timeout=20000&filter=%s&since=%s", filter, since), nil, &got)
		since = got.NextBatch
		timeline := got.Rooms.Join[room].Timeline
		for _, e := range timeline.Events {
			if found(e) {
				return
			}
		}
	}
}
