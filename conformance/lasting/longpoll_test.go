package lasting

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// poll makes a long-poll that the homeserver holds for so long.
func (w *world) poll(name string, holds time.Duration) <-chan outcome {
	w.homeserver.expect(call{name: name, token: "alice"})
	done := make(chan outcome, 1)
	r, err := http.NewRequest(http.MethodGet, fmt.Sprintf(
		"http://gateway/_matrix/client/v3/sync?since=s1&timeout=%d&call=%s&takes=%s", holds.Milliseconds(), name, holds), nil)
	if err != nil {
		w.fault("%v", err)
	}
	r.Header.Set("Authorization", "Bearer alice")
	t := w.transport()
	go func() {
		begun := time.Now()
		o := outcome{}
		var resp *http.Response
		if resp, o.err = t.RoundTrip(r); o.err == nil {
			_, o.err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			o.status = resp.StatusCode
		}
		o.took = time.Since(begun)
		done <- o
	}()
	return done
}

// TestLongPollOverRestart: a server is stopped, or killed, while it holds a long-poll.
// The client's user sees an answer and no error. A server that stops says so, and the
// poll is made again at once; of one that died the client learns when it asks, after
// MAX_TRANSMIT_WAIT, and in one exchange.
func TestLongPollOverRestart(t *testing.T) {
	const holds = 5 * time.Minute
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprint("crash ", crash), func(t *testing.T) {
			inWorld(t, linkemu.Config{}, func(w *world) {
				if !crash {
					w.grace = 10 * time.Second
				}
				w.restartServer(false) // with that grace
				w.must("GET", "alice")
				answered := w.poll("poll", holds)
				time.Sleep(10 * time.Second)
				w.numbers.datagrams()
				begun := time.Now()
				w.restartServer(crash)
				assert.Less(w.t, time.Since(begun), time.Second, "nobody waits for a long-poll")
				o := <-answered
				assert.NoError(w.t, o.err)
				assert.Equal(w.t, http.StatusOK, o.status)
				lost := 10*time.Second + 5*time.Second // until it stopped, and until the client was heard again
				if crash {
					lost = w.profile.MaxTransmitWait() + 5*time.Second
				}
				assert.LessOrEqual(w.t, o.took, lost+holds)
				assert.Equal(w.t, 2, w.homeserver.times("poll"))
				assert.Equal(w.t, 1, w.numbers.handshakes())
				assert.Empty(w.t, w.faults())
				t.Logf("crash %v: answered after %v", crash, o.took)
			})
		})
	}
}

// TestRequestLostInCrash: a POST that died with the server is not made again, and its
// user is told within MAX_TRANSMIT_WAIT; a PUT is made again.
func TestRequestLostInCrash(t *testing.T) {
	for _, method := range []string{"POST", "PUT"} {
		inWorld(t, linkemu.Config{}, func(w *world) {
			w.must("GET", "alice")
			type answer struct {
				name string
				outcome
			}
			answered := make(chan answer, 1)
			go func() {
				name, o := w.ask(method, "alice", time.Minute)
				answered <- answer{name, o}
			}()
			time.Sleep(10 * time.Second)
			w.restartServer(true)
			a := <-answered
			if method == "PUT" {
				assert.NoError(w.t, a.err)
				assert.Equal(w.t, http.StatusOK, a.status)
				assert.Equal(w.t, 2, w.homeserver.times(a.name))
			} else {
				assert.ErrorContains(w.t, a.err, "may have been carried out")
				assert.Less(w.t, a.took, w.profile.MaxTransmitWait()+time.Second)
				assert.Equal(w.t, 1, w.homeserver.times(a.name))
			}
			assert.Equal(w.t, 1, w.numbers.handshakes())
			assert.Empty(w.t, w.faults())
		})
	}
}
