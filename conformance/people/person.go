// Package people are those who talk in tests: each has an account at a homeserver, and a
// plain client of the Client-Server API which makes one request and waits for its answer.
package people

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Person is somebody with an account.
type Person struct {
	ID, Token string
	// Base is the URL of a homeserver, or of a gateway to it.
	Base string
	// Via carries requests; nil is http.DefaultTransport.
	Via http.RoundTripper
}

// Password is everybody's, Device what everybody calls the first device.
const (
	Password = `se"cret` // what needs an escape in JSON
	Device   = "DEVICE"
)

// SignUp makes an account.
func SignUp(ctx context.Context, base string, via http.RoundTripper, name string) (*Person, error) {
	p := &Person{Base: base, Via: via}
	return p, p.take(ctx, "register", map[string]any{
		"username": name, "password": Password, "device_id": Device, "auth": map[string]string{"type": "m.login.dummy"},
	})
}

// LogIn opens another device of somebody who has signed up.
func LogIn(ctx context.Context, base string, via http.RoundTripper, name string) (*Person, error) {
	p := &Person{Base: base, Via: via}
	return p, p.take(ctx, "login", map[string]any{
		"type": "m.login.password", "identifier": map[string]string{"type": "m.id.user", "user": name}, "password": Password,
	})
}

// take is whoever the answer to a registration or a login says.
func (p *Person) take(ctx context.Context, path string, body any) error {
	var answer struct {
		UserID string `json:"user_id"`
		Token  string `json:"access_token"`
	}
	err := p.Do(ctx, http.MethodPost, path, body, &answer)
	p.ID, p.Token = answer.UserID, answer.Token
	return err
}

// Do makes a request. path is what follows /_matrix/client/v3/, body becomes JSON unless it
// is nil, and the answer is read from JSON unless answer is nil. An answer other than 200 is
// an error.
func (p *Person) Do(ctx context.Context, method, path string, body, answer any) error {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, p.Base+"/_matrix/client/v3/"+path, &content)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.Token != "" {
		r.Header.Set("Authorization", "Bearer "+p.Token)
	}
	resp, err := (&http.Client{Transport: p.Via}).Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s %s", method, path, resp.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
