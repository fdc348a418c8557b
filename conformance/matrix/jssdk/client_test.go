package jssdk

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// start runs a shell script in the place of node.
func start(t *testing.T, script string) (c *Client, saw chan any) {
	t.Helper()
	standIn(t, "node", script)
	saw = make(chan any, 10)
	c, err := Start(Config{
		Dir: t.TempDir(), LogPath: filepath.Join(t.TempDir(), "log"),
		Message:     func(m Message) { saw <- m },
		Trouble:     func(text string) { saw <- "trouble: " + text },
		Undecrypted: func(text string) { saw <- "undecrypted: " + text },
	})
	require.NoError(t, err)
	return c, saw
}

func TestCommandsAndEvents(t *testing.T) {
	c, saw := start(t, `
read first; read second
echo '{"event":"message","message":{"id":"$1","room":"!r","sender":"@b","text":"ahoy","encrypted":true}}'
echo '{"event":"trouble","text":"sync: ERROR"}'
echo '{"event":"undecrypted","text":"$2"}'
echo '{"id":2,"error":"M_FORBIDDEN"}'
echo '{"id":1,"value":"!r"}'
read end`)
	joined := make(chan error)
	go func() { joined <- c.Join(t.Context(), "!r") }()
	_, err := c.Send(t.Context(), "!r", "ahoy")
	errs := []error{err, <-joined}
	var refused *CommandError
	if errs[0] == nil { // which of them came first is left to chance
		errs[0], errs[1] = errs[1], errs[0]
	}
	require.ErrorAs(t, errs[0], &refused)
	assert.Equal(t, "M_FORBIDDEN", refused.Text)
	assert.NoError(t, errs[1])
	assert.Equal(t, Message{ID: "$1", Room: "!r", Sender: "@b", Text: "ahoy", Encrypted: true}, <-saw)
	assert.Equal(t, "trouble: sync: ERROR", <-saw)
	assert.Equal(t, "undecrypted: $2", <-saw)
	require.Error(t, c.Stop(), "its last read has failed at the end of the input")
}

func TestClientThatEnds(t *testing.T) {
	c, _ := start(t, "read first; exit 3")
	_, err := c.CreateRoom(t.Context())
	require.ErrorIs(t, err, ErrExited)
	assert.ErrorContains(t, err, "exit status 3")
	assert.ErrorIs(t, c.Stop(), ErrExited)
}

func TestClientThatSaysNonsense(t *testing.T) {
	c, _ := start(t, "read first; echo nonsense; read second")
	_, err := c.CreateRoom(t.Context())
	require.ErrorIs(t, err, ErrExited)
	assert.ErrorContains(t, err, "nonsense")
	assert.ErrorIs(t, c.Stop(), ErrExited)
}

func TestCommandEndsWithItsContext(t *testing.T) {
	c, _ := start(t, "while read line; do :; done")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, c.Typing(ctx, "!r", true), context.Canceled)
	assert.NoError(t, c.Stop())
}
