package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
)

// step is one thing that people do. It runs once over the link and once over
// HTTPS.
type step struct {
	name string
	run  func(*chat, context.Context) error
}

// script is the demonstration. Each step checks that it did what it says.
var script = []step{
	{"connect, GET versions", (*chat).versions},
	{"register alice", func(c *chat, ctx context.Context) error { return c.register(ctx, &c.alice) }},
	{"register bob", func(c *chat, ctx context.Context) error { return c.register(ctx, &c.bob) }},
	{"alice makes a room, invites bob", (*chat).createRoom},
	{"bob joins", (*chat).join},
	{"bob's first sync", (*chat).firstSync},
	{"alice sends \"hello world\"", func(c *chat, ctx context.Context) error { return c.send(ctx, &c.alice, "hello world") }},
	{"bob's sync brings it", func(c *chat, ctx context.Context) error { return c.receive(ctx, &c.bob, "hello world") }},
	{"bob's read receipt", (*chat).receipt},
	{"bob types", (*chat).typing},
	{"alice's sync catches up", func(c *chat, ctx context.Context) error { _, err := c.sync(ctx, &c.alice, 0); return err }},
	{"bob answers, alice's sync waits for it", (*chat).longPoll},
	{"alice asks for an unknown alias: 404", (*chat).notFound},
}

// chat is two users and what they know.
type chat struct {
	client *client
	tag    string
	room   string
	event  string
	txn    int
	alice  user
	bob    user
}

type user struct {
	name, token, id, since string
}

func newChat(c *client, tag string) *chat {
	return &chat{client: c, tag: tag, alice: user{name: "alice" + tag}, bob: user{name: "bob" + tag}}
}

// demoPassword is the password of both users: they live as long as the demo.
const demoPassword = "correct horse battery"

func (c *chat) versions(ctx context.Context) error {
	var got struct{ Versions []string }
	if err := c.client.do(ctx, "GET", "/_matrix/client/versions", "", nil, &got); err != nil {
		return err
	}
	if len(got.Versions) == 0 {
		return errors.New("no versions")
	}
	return nil
}

func (c *chat) register(ctx context.Context, u *user) error {
	var got struct {
		UserID      string `json:"user_id"`
		AccessToken string `json:"access_token"`
	}
	err := c.client.do(ctx, "POST", "/_matrix/client/v3/register", "", object{
		"username": u.name, "password": demoPassword, "auth": object{"type": "m.login.dummy"},
	}, &got)
	u.id, u.token = got.UserID, got.AccessToken
	if err == nil && u.token == "" {
		return errors.New("no access token")
	}
	return err
}

func (c *chat) createRoom(ctx context.Context) error {
	var got struct {
		RoomID string `json:"room_id"`
	}
	err := c.client.do(ctx, "POST", "/_matrix/client/v3/createRoom", c.alice.token,
		object{"preset": "private_chat", "name": "Bridge", "invite": []string{c.bob.id}}, &got)
	c.room = got.RoomID
	return err
}

// roomPath is the path of something in the room.
func (c *chat) roomPath(rest string) string {
	return "/_matrix/client/v3/rooms/" + url.PathEscape(c.room) + rest
}

func (c *chat) join(ctx context.Context) error {
	return c.client.do(ctx, "POST", c.roomPath("/join"), c.bob.token, object{}, nil)
}

func (c *chat) firstSync(ctx context.Context) error {
	if _, err := c.sync(ctx, &c.alice, 0); err != nil {
		return err
	}
	_, err := c.sync(ctx, &c.bob, 0)
	return err
}

func (c *chat) send(ctx context.Context, u *user, text string) error {
	c.txn++
	var got struct {
		EventID string `json:"event_id"`
	}
	err := c.client.do(ctx, "PUT", c.roomPath(fmt.Sprintf("/send/m.room.message/m%d", c.txn)), u.token,
		object{"msgtype": "m.text", "body": text}, &got)
	c.event = got.EventID
	return err
}

// syncAnswer is as much of a /sync answer as the demonstration looks at.
type syncAnswer struct {
	NextBatch string `json:"next_batch"`
	Rooms     struct {
		Join map[string]struct {
			Timeline struct {
				Events []struct {
					Sender  string
					Content struct{ Body string }
				}
			}
		}
	}
}

func (c *chat) sync(ctx context.Context, u *user, timeout int) (syncAnswer, error) {
	var got syncAnswer
	query := fmt.Sprintf("?timeout=%d", timeout)
	if u.since != "" {
		query += "&since=" + url.QueryEscape(u.since)
	}
	err := c.client.do(ctx, "GET", "/_matrix/client/v3/sync"+query, u.token, nil, &got)
	if err == nil {
		u.since = got.NextBatch
	}
	return got, err
}

// receive syncs until text arrives.
func (c *chat) receive(ctx context.Context, u *user, text string) error {
	const tries = 5 // a homeserver may wake a sync for something else first
	for range tries {
		got, err := c.sync(ctx, u, 10_000)
		if err != nil {
			return err
		}
		for _, e := range got.Rooms.Join[c.room].Timeline.Events {
			if e.Content.Body == text {
				return nil
			}
		}
	}
	return fmt.Errorf("%q did not arrive", text)
}

func (c *chat) receipt(ctx context.Context) error {
	return c.client.do(ctx, "POST", c.roomPath("/receipt/m.read/"+url.PathEscape(c.event)), c.bob.token, object{}, nil)
}

func (c *chat) typing(ctx context.Context) error {
	return c.client.do(ctx, "PUT", c.roomPath("/typing/"+url.PathEscape(c.bob.id)), c.bob.token,
		object{"typing": true, "timeout": 30000}, nil)
}

func (c *chat) longPoll(ctx context.Context) error {
	const text = "hello from the other side"
	// Bob answers once alice's sync is on its way: it waits for him, and both ways
	// the two requests are under way at once.
	asked := make(chan struct{})
	var once sync.Once
	waiting := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { once.Do(func() { close(asked) }) },
	})
	arrived := make(chan error, 1)
	go func() { arrived <- c.receive(waiting, &c.alice, text) }()
	select {
	case <-asked:
	case err := <-arrived: // it could not even ask
		return err
	}
	err := c.send(ctx, &c.bob, text)
	return errors.Join(err, <-arrived)
}

func (c *chat) notFound(ctx context.Context) error {
	alias := "#nowhere:" + c.alice.id[strings.Index(c.alice.id, ":")+1:]
	err := c.client.do(ctx, "GET", "/_matrix/client/v3/directory/room/"+url.PathEscape(alias), c.alice.token, nil, nil)
	var matrix *matrixError
	if errors.As(err, &matrix) && matrix.status == 404 && matrix.Code == "M_NOT_FOUND" {
		return nil
	}
	return fmt.Errorf("want 404 M_NOT_FOUND, got %w", err)
}
