package endpoint

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A handler that panics ends its session, and the program goes on. The log says where it was,
// and nothing of what it was about.
func TestPanicOfHandler(t *testing.T) {
	var log bytes.Buffer
	server := Config{Profile: testProfile(), Recover: true, Log: slog.New(slog.NewTextHandler(&log, nil)), Handler: HandlerFunc(
		func(context.Context, *Request) *Response { panic("secret") })}
	together(t, Config{Profile: testProfile()}, server, perfect, func(t *testing.T, client, server *Conn) {
		_, err := client.Do(t.Context(), get("a"))
		require.ErrorIs(t, err, ErrTimeout, "nobody answers")
		server.Wait()
		assert.Contains(t, log.String(), "panic=string")
		assert.Contains(t, log.String(), "TestPanicOfHandler")
		assert.NotContains(t, log.String(), "secret")
	})
}

// Whatever waits on a session is told when a panic ends it: a goroutine of ours, a timer, the
// goroutine that reads.
func TestPanicEndsTheSession(t *testing.T) {
	boom := func() { panic(errors.New("boom")) }
	for name, provoke := range map[string]func(c *Conn){
		"goroutine": func(c *Conn) { c.start(boom) },
		"timer":     func(c *Conn) { c.after(time.Second, boom) },
		"reading":   func(c *Conn) { c.nc.Write([]byte{0x40, byte(GET), 0, 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			silent := HandlerFunc(func(ctx context.Context, _ *Request) *Response { <-ctx.Done(); return nil })
			admitting := Config{Profile: testProfile(), Recover: true, Handler: admitter(boom)}
			together(t, admitting, Config{Profile: testProfile(), Handler: silent}, perfect, func(t *testing.T, client, server *Conn) {
				failed := make(chan error)
				go func() {
					_, err := client.Do(t.Context(), get("a"))
					failed <- err
				}()
				synctest.Wait()
				of := client
				if name == "reading" {
					of = server // which sends a request to the client
				}
				provoke(of)
				err := <-failed
				var panicked *PanicError
				require.ErrorAs(t, err, &panicked)
				require.ErrorIs(t, err, ErrClosed)
				assert.Equal(t, "*errors.errorString", panicked.What)
				client.Wait()
			})
		})
	}
}

// admitter is a Handler that does something when a request comes.
type admitter func()

// Admit implements Handler.
func (a admitter) Admit(*Request) func(context.Context) *Response {
	a()
	return nil
}

// A panic goes on where nobody asked to recover, and where nobody could end the session.
func TestPanicGoesOn(t *testing.T) {
	together(t, Config{Profile: testProfile()}, Config{Profile: testProfile(), Recover: true}, perfect, func(t *testing.T, plain, recovering *Conn) {
		assert.PanicsWithValue(t, "boom", func() { plain.Guard(func() { panic("boom") }) })
		assert.NoError(t, plain.ctx.Err())
		assert.PanicsWithValue(t, "boom", func() {
			recovering.Guard(func() {
				recovering.mu.Lock() // as of a function without a deferred Unlock
				panic("boom")
			})
		})
		recovering.mu.Unlock()
	})
}
