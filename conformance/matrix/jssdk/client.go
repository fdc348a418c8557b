package jssdk

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const (
	// maxLine bounds a line that the program prints, in bytes.
	maxLine = 1 << 20
	// stopTimeout is how long the program may take to end.
	stopTimeout = time.Minute
)

// ErrExited says that the program ended although nobody stopped it.
var ErrExited = errors.New("node exited")

// A CommandError is a command that the client could not carry out.
type CommandError struct {
	Command string
	Text    string // what the library threw
}

func (e *CommandError) Error() string { return e.Command + ": " + e.Text }

// A Message is a text that came in a room from someone else.
type Message struct {
	ID, Room, Sender, Text string
	// Encrypted says that it came encrypted.
	Encrypted bool
}

// Config says what to start.
type Config struct {
	// Dir is where Install has put the program, LogPath the file for what the library
	// complains of.
	Dir, LogPath string
	// Message gets what came, in the order of the timeline; Trouble what a person would
	// be shown as an error: the sync that does not go on, a logout, something unhandled;
	// Undecrypted an event that could not be read when it came. They are called one after
	// the other and must not wait for commands.
	Message              func(Message)
	Trouble, Undecrypted func(text string)
}

// A Client is a running matrix-js-sdk.
type Client struct {
	cfg   Config
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{} // closed when the program was waited for
	err   error         // valid after done

	mu      sync.Mutex
	last    int
	waiting map[int]chan answer
}

// line is what the program prints; see client.mjs.
type line struct {
	answer
	ID      int
	Event   string
	Text    string
	Message Message
}

type answer struct {
	Value json.RawMessage
	Error string
}

// Start runs the program. The caller must call Stop.
func Start(cfg Config) (*Client, error) {
	log, err := os.Create(cfg.LogPath)
	if err != nil {
		return nil, fmt.Errorf("start matrix-js-sdk: %w", err)
	}
	defer log.Close() // the child holds its own descriptor
	c := &Client{cfg: cfg, done: make(chan struct{}), waiting: make(map[int]chan answer)}
	c.cmd = exec.Command("node", filepath.Join(cfg.Dir, script))
	c.cmd.Stderr = log
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start matrix-js-sdk: %w", err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start matrix-js-sdk: %w", err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start matrix-js-sdk: %w", err)
	}
	go func() {
		defer close(c.done)
		read := c.read(stdout)
		if read != nil {
			_ = c.cmd.Process.Kill() // it must not wait for a reader for ever
		}
		c.err = errors.Join(read, c.cmd.Wait())
	}()
	return c, nil
}

// read takes what the program prints until its end.
func (c *Client) read(stdout io.Reader) error {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("matrix-js-sdk printed %q: %w", lines.Text(), err)
		}
		switch l.Event {
		case "":
			c.mu.Lock()
			waits := c.waiting[l.ID]
			delete(c.waiting, l.ID)
			c.mu.Unlock()
			if waits != nil {
				waits <- l.answer
			}
		case "message":
			c.cfg.Message(l.Message)
		case "undecrypted":
			c.cfg.Undecrypted(l.Text)
		default:
			c.cfg.Trouble(l.Text)
		}
	}
	return lines.Err()
}

// do carries out a command and returns what it is answered. The error is a
// *CommandError if the client refused, else that of ctx or ErrExited.
func (c *Client) do(ctx context.Context, name string, args map[string]any) (string, error) {
	answered := make(chan answer, 1)
	command := map[string]any{"do": name}
	for k, v := range args {
		command[k] = v
	}
	c.mu.Lock()
	c.last++
	command["id"] = c.last
	c.waiting[c.last] = answered
	text, err := json.Marshal(command)
	if err == nil {
		_, err = c.stdin.Write(append(text, '\n'))
	}
	c.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	select {
	case a := <-answered:
		if a.Error != "" {
			return "", &CommandError{name, a.Error}
		}
		var value string
		err := json.Unmarshal(a.Value, &value) // null is ""
		return value, err
	case <-c.done:
		return "", fmt.Errorf("%s: %w", name, errors.Join(ErrExited, c.err))
	case <-ctx.Done():
		return "", fmt.Errorf("%s: %w", name, ctx.Err())
	}
}

// Stop ends the program and waits for it. It reports a program that had ended before,
// that had to be killed, or that ended with a status other than 0.
func (c *Client) Stop() error {
	select {
	case <-c.done:
		return fmt.Errorf("stop matrix-js-sdk: %w", errors.Join(ErrExited, c.err))
	default:
	}
	_ = c.stdin.Close() // a failure means that it has just ended
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-c.done:
		return c.err
	case <-timer.C:
		_ = c.cmd.Process.Kill()
		<-c.done
		return fmt.Errorf("stop matrix-js-sdk: killed, still running after %v", stopTimeout)
	}
}
