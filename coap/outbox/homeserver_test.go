package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coapgw/coapgw/coap/session"
)

// luck is randomness for several goroutines.
type luck struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newLuck(seed uint64) *luck { return &luck{rng: rand.New(rand.NewPCG(seed, 1))} }

func (l *luck) below(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.IntN(n)
}

func (l *luck) percent(p int) bool { return l.below(100) < p }

func (l *luck) upTo(d time.Duration) time.Duration { return time.Duration(l.below(int(d) + 1)) }

// execution is something that the homeserver did.
type execution struct{ token, target, body, id string }

// homeserver executes transactions, once each as long as it remembers.
type homeserver struct {
	luck *luck

	mu sync.Mutex
	// memory is the event id of each transaction, by token and path.
	memory map[string]string
	// open are transactions whose answer the far gateway may not have.
	open map[string]bool
	done []execution
	fail int // percent of the requests that meet a failure
}

func newHomeserver(l *luck) *homeserver {
	return &homeserver{luck: l, memory: map[string]string{}, open: map[string]bool{}}
}

// ServeHTTP implements http.Handler.
func (h *homeserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	pause(r.Context(), h.luck.upTo(300*time.Millisecond))
	h.mu.Lock()
	fail := h.fail
	h.mu.Unlock()
	if h.luck.percent(fail) {
		statuses := []int{429, 502, 503, 504, 500}
		status := statuses[h.luck.below(len(statuses))]
		if status == 429 {
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(status)
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	h.mu.Lock()
	name := token + " " + r.URL.EscapedPath()
	id, again := h.memory[name]
	if !again {
		id = fmt.Sprintf("$%d", len(h.done))
		h.memory[name] = id
		h.done = append(h.done, execution{token, r.URL.Path, string(body), id})
		h.open[name] = true
	}
	h.mu.Unlock()
	pause(r.Context(), h.luck.upTo(300*time.Millisecond))
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"event_id":%q}`, id)
}

// settle says that the far gateway has the answer to a request.
func (h *homeserver) settle(r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+" "+r.URL.EscapedPath())
}

// restart forgets transactions, all of them or all that the far gateway has answers of.
// One that it has executed and has not been able to tell the far gateway, because that one
// died at this very moment, nobody else knows.
func (h *homeserver) restart(all bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.memory {
		if all || !h.open[name] {
			delete(h.memory, name)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// disk is a session.Store that outlives the programs that use it.
type disk struct {
	session.Memory
	luck *luck
}

// mount is a disk in the hands of one life of a program: after its death nothing is
// written any more.
type mount struct {
	*disk
	dead atomic.Bool
}

var errDead = errors.New("the program has died")

// Commit implements session.Store.
func (m *mount) Commit(changes map[string][]byte) error {
	time.Sleep(m.luck.upTo(5 * time.Millisecond))
	if m.dead.Load() {
		return errDead
	}
	return m.disk.Commit(changes)
}
