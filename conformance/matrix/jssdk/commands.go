package jssdk

import "context"

// Each command ends when the client has done what it says, which over a slow link
// takes as long as it takes. Commands may run side by side.

// Login logs in at the homeserver at baseURL, publishes keys, and begins to sync; it
// ends after the first sync.
func (c *Client) Login(ctx context.Context, baseURL, user, password string) (userID string, err error) {
	return c.do(ctx, "login", map[string]any{"baseUrl": baseURL, "user": user, "password": password, "device": "matrix-js-sdk"})
}

// CreateRoom makes an encrypted room to which others are invited.
func (c *Client) CreateRoom(ctx context.Context, invite ...string) (roomID string, err error) {
	return c.do(ctx, "createRoom", map[string]any{"invite": invite})
}

// Join joins a room.
func (c *Client) Join(ctx context.Context, room string) error {
	_, err := c.do(ctx, "join", map[string]any{"room": room})
	return err
}

// AwaitMember waits until someone is in a room as far as the client knows.
func (c *Client) AwaitMember(ctx context.Context, room, user string) error {
	_, err := c.do(ctx, "member", map[string]any{"room": room, "user": user})
	return err
}

// Send sends a text, encrypted where the room is.
func (c *Client) Send(ctx context.Context, room, text string) (eventID string, err error) {
	return c.do(ctx, "send", map[string]any{"room": room, "text": text})
}

// Receipt marks a message as read.
func (c *Client) Receipt(ctx context.Context, room, event string) error {
	_, err := c.do(ctx, "receipt", map[string]any{"room": room, "event": event})
	return err
}

// Typing says whether the person is writing.
func (c *Client) Typing(ctx context.Context, room string, on bool) error {
	_, err := c.do(ctx, "typing", map[string]any{"room": room, "on": on})
	return err
}
