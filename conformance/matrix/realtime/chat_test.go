package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// corpus holds what people say; a hash stands for a digit.
const corpus = "../../record/texts/heldout.json"

// typingEvery says before which of their messages people are seen to be typing: one of
// so many.
const typingEvery = 5

// typingTime is how long they then are, unless they say so again.
const typingTime = 20 * time.Second

// A party is a client in a room, as far as a chat needs it.
type party interface {
	send(ctx context.Context, text string) error
	receipt(ctx context.Context, eventID string) error
	typing(ctx context.Context, on bool) error
}

// A message is what a client got from the other one.
type message struct {
	id, text  string
	encrypted bool
}

// chatEvents are what a client tells. They must not wait.
type chatEvents struct {
	heard                func(message)
	trouble, undecrypted func(string)
}

// A lane is one direction of a chat: what one party said and the other one heard.
type lane struct {
	name string

	mu   sync.Mutex
	sent []string
	// begun is when the sender was told to send each.
	begun   map[string]time.Time
	heard   []message
	delays  []time.Duration
	changed chan struct{} // has something after each change
	// troubles are what the hearing client would show as errors. late are the messages that
	// came before their key.
	troubles, late []string
}

func newLane(name string) *lane {
	return &lane{name: name, begun: make(map[string]time.Time), changed: make(chan struct{}, 1)}
}

// events are those of the party that hears.
func (l *lane) events() chatEvents {
	note := func(list *[]string) func(string) {
		return func(text string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			*list = append(*list, text)
		}
	}
	return chatEvents{trouble: note(&l.troubles), undecrypted: note(&l.late), heard: func(m message) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.heard = append(l.heard, m)
		if begun, ok := l.begun[m.text]; ok {
			l.delays = append(l.delays, time.Since(begun))
		}
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}}
}

// speak lets a party say something again and again, each after a pause, and once at least: it may
// have taken all the time until both are in the room.
func (l *lane) speak(ctx context.Context, from party, texts []string, pause time.Duration, until time.Time) error {
	for n := 0; n == 0 || time.Now().Before(until); n++ {
		if n%typingEvery == 0 {
			if err := from.typing(ctx, true); err != nil {
				return fmt.Errorf("%s: typing: %w", l.name, err)
			}
		}
		text := fmt.Sprintf("%s %d: %s", l.name, n, texts[n%len(texts)])
		l.mu.Lock()
		l.sent = append(l.sent, text)
		l.begun[text] = time.Now()
		l.mu.Unlock()
		if err := from.send(ctx, text); err != nil {
			return fmt.Errorf("%s: message %d: %w", l.name, n, err)
		}
		time.Sleep(pause)
	}
	return nil
}

// listen waits until the hearing party has heard so many messages as spoken tells and
// lets it acknowledge the latest, as people do who look at a room.
func (l *lane) listen(ctx context.Context, to party, spoken <-chan struct{}) error {
	read := 0
	for done := false; ; {
		l.mu.Lock()
		heard, all := slices.Clone(l.heard), len(l.sent)
		l.mu.Unlock()
		if len(heard) > read {
			read = len(heard)
			if err := to.receipt(ctx, heard[read-1].id); err != nil {
				return fmt.Errorf("%s: receipt: %w", l.name, err)
			}
			continue
		}
		if done && read >= all {
			return nil
		}
		select {
		case <-l.changed:
		case <-spoken:
			spoken, done = nil, true
		case <-ctx.Done():
			return fmt.Errorf("%s: heard %d of %d: %w", l.name, read, all, ctx.Err())
		}
	}
}

// verify demands that each message was heard once, in order, decrypted, and that the
// client had no trouble.
func (l *lane) verify(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var heard []string
	for _, m := range l.heard {
		heard = append(heard, m.text)
		assert.True(t, m.encrypted, "%s was sent in the clear", m.id)
	}
	assert.NotEmpty(t, l.sent, l.name)
	assert.Equal(t, l.sent, heard, l.name)
	assert.Empty(t, l.troubles, l.name)
}

// A chat is two parties and the lanes between them.
type chat struct {
	parties [2]party
	lanes   [2]*lane // lanes[i] is from parties[i] to the other one
}

// live lets both talk until that time and ends when all was heard.
func (c *chat) live(ctx context.Context, texts []string, pause time.Duration, until time.Time) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var running sync.WaitGroup
	for i, l := range c.lanes {
		spoken := make(chan struct{})
		running.Go(func() {
			defer close(spoken)
			// The parties do not say the same.
			if err := l.speak(ctx, c.parties[i], texts[i*len(texts)/2:], pause, until); err != nil {
				stop(err)
			}
		})
		running.Go(func() {
			if err := l.listen(ctx, c.parties[1-i], spoken); err != nil {
				stop(err)
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// readTexts reads what people say in several languages.
func readTexts(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(corpus)
	require.NoError(t, err)
	var languages map[string][]string
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(text), "#", "7")), &languages))
	for _, name := range []string{"en", "pt", "ru", "de"} {
		require.NotEmpty(t, languages[name])
		all = append(all, languages[name]...)
	}
	return all
}
