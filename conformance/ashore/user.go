package ashore

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// User is somebody with an account, next to the homeserver.
type User struct {
	ID, Token string

	base string
}

// SignUp makes an account.
func (a *Ashore) SignUp(ctx context.Context, name string) (*User, error) {
	u := &User{base: a.Homeserver + "/_matrix/client/v3/"}
	var answer struct {
		UserID string `json:"user_id"`
		Token  string `json:"access_token"`
	}
	err := u.call(ctx, http.MethodPost, "register", map[string]any{
		"username": name, "password": "secret", "auth": map[string]string{"type": "m.login.dummy"},
	}, &answer)
	u.ID, u.Token = answer.UserID, answer.Token
	return u, err
}

// CreateRoom makes a room that everyone may join.
func (u *User) CreateRoom(ctx context.Context) (room string, err error) {
	var answer struct {
		Room string `json:"room_id"`
	}
	err = u.call(ctx, http.MethodPost, "createRoom", map[string]string{"preset": "public_chat"}, &answer)
	return answer.Room, err
}

// Join joins a room.
func (u *User) Join(ctx context.Context, room string) error {
	return u.call(ctx, http.MethodPost, "join/"+url.PathEscape(room), struct{}{}, nil)
}

// Say puts a text into a room.
func (u *User) Say(ctx context.Context, room, txn, text string) error {
	return u.call(ctx, http.MethodPut, "rooms/"+url.PathEscape(room)+"/send/m.room.message/"+txn, map[string]string{"msgtype": "m.text", "body": text}, nil)
}

// Messages are the latest ten texts of a room, the newest first.
func (u *User) Messages(ctx context.Context, room string) (texts []string, err error) {
	var answer struct {
		Chunk []struct {
			Type    string
			Content struct{ Body string }
		}
	}
	err = u.call(ctx, http.MethodGet, "rooms/"+url.PathEscape(room)+"/messages?dir=b&limit=10", nil, &answer)
	for _, e := range answer.Chunk {
		if e.Type == "m.room.message" {
			texts = append(texts, e.Content.Body)
		}
	}
	return texts, err
}

func (u *User) call(ctx context.Context, method, path string, body, answer any) error {
	var content strings.Builder
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, u.base+path, strings.NewReader(content.String()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if u.Token != "" {
		r.Header.Set("Authorization", "Bearer "+u.Token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}
