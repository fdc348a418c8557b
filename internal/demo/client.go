package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// object is a JSON object.
type object map[string]any

// client is a small Matrix client.
type client struct {
	base string
	http *http.Client
}

func newClient(base string, transport http.RoundTripper) *client {
	return &client{base: base, http: &http.Client{Transport: transport}}
}

// matrixError is an answer with an errcode.
type matrixError struct {
	status int
	Code   string `json:"errcode"`
	Text   string `json:"error"`
}

func (e *matrixError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.Code, e.Text) }

// do sends one request and decodes the answer into out, which may be nil.
func (c *client) do(ctx context.Context, method, path, token string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		problem := &matrixError{status: resp.StatusCode}
		if err := json.Unmarshal(answer, problem); err != nil {
			return fmt.Errorf("status %d without a Matrix error", resp.StatusCode)
		}
		return problem
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
