package join

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap/txn"
)

// act is something that a client does: it waits, sends a request, and gives up on it
// after a while or reads the answer, at once or later.
type act struct {
	Pause, Patience, Dawdle time.Duration
	Method, Target, Body    string
}

// said is an answer of the model: what a homeserver knows about a request.
type said struct {
	User, Method, Target, Body string
	// Execution numbers what the homeserver did, Written what it has done for
	// this user by then that changes something.
	Execution, Written int
}

// model is a homeserver behind a link of random delays. A transaction is executed
// once for each user and path, as Matrix has it.
type model struct {
	mu         sync.Mutex
	delays     []time.Duration
	statuses   []int
	executions int
	written    map[string]int
	executed   map[string]int // transactions, by user and target
	requests   int
}

// RoundTrip implements http.RoundTripper.
func (m *model) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(content)
	}
	m.mu.Lock()
	up, down := m.delays[m.requests%len(m.delays)], m.delays[(m.requests+1)%len(m.delays)]
	status := m.statuses[m.requests%len(m.statuses)]
	m.requests++
	m.mu.Unlock()
	if err := sleep(r.Context(), up); err != nil {
		return nil, err
	}
	s := m.execute(r, body, status)
	if err := sleep(r.Context(), down); err != nil {
		return nil, err
	}
	if status == 0 {
		return nil, errDown
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return reply(status, string(text)), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *model) execute(r *http.Request, body string, status int) said {
	m.mu.Lock()
	defer m.mu.Unlock()
	user := r.Header.Get("Authorization")
	m.executions++
	s := said{User: user, Method: r.Method, Target: r.URL.RequestURI(), Body: body, Execution: m.executions}
	if writes(r.Method) && status == http.StatusOK {
		m.written[user]++
		if _, ok := txn.Of(r); ok {
			name := user + " " + s.Target
			if first, again := m.executed[name]; again {
				s.Execution = first
			} else {
				m.executed[name] = s.Execution
			}
		}
	}
	s.Written = m.written[user]
	return s
}

// history is what one user has seen.
type history struct {
	user    string
	problem error
}

// live does what a user does, one after the other, and checks each answer.
func (h *history) live(tr http.RoundTripper, acts []act) {
	told := 0                        // writes of which the user was told
	delivered := map[string]int{}    // execution of the last answer that came whole
	transactions := map[string]int{} // execution of each transaction
	for _, a := range acts {
		time.Sleep(a.Pause)
		s, status, err := h.ask(tr, a)
		if err != nil || status != http.StatusOK {
			continue
		}
		name := a.Method + " " + a.Target + " " + a.Body
		switch {
		case s.User != h.user:
			h.problem = fmt.Errorf("%s got an answer for %q", h.user, s.User)
		case s.Method != a.Method || "https://hs"+s.Target != a.Target || s.Body != a.Body:
			h.problem = fmt.Errorf("%s got the answer to %s %s %s", name, s.Method, s.Target, s.Body)
		case a.Method == http.MethodGet && !strings.Contains(a.Target, "sync") && s.Written < told:
			h.problem = fmt.Errorf("%s: older than write %d of the user: %d", name, told, s.Written)
		case !strings.Contains(a.Target, "/send/") && delivered[name] == s.Execution:
			h.problem = fmt.Errorf("%s: the answer was delivered before", name)
		case strings.Contains(a.Target, "/send/") && transactions[a.Target] != 0 && transactions[a.Target] != s.Execution:
			h.problem = fmt.Errorf("%s: another event", name)
		}
		if h.problem != nil {
			return
		}
		if writes(a.Method) {
			told = max(told, s.Written)
		}
		delivered[name] = s.Execution
		if strings.Contains(a.Target, "/send/") {
			transactions[a.Target] = s.Execution
		}
	}
}

func (h *history) ask(tr http.RoundTripper, a act) (s said, status int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), a.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, a.Method, a.Target, strings.NewReader(a.Body))
	if err != nil {
		return s, 0, err
	}
	r.Header.Set("Authorization", h.user)
	resp, err := tr.RoundTrip(r)
	if err != nil {
		return s, 0, err
	}
	time.Sleep(a.Dawdle)
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil {
		err = ctx.Err() // who has gone when the end comes does not have it
	}
	if err != nil {
		return s, 0, err
	}
	return s, resp.StatusCode, json.Unmarshal(text, &s)
}

// TestAnswersAreOnesOwn: whatever users ask, give up and repeat, each answer is one
// that the homeserver gave to this user for this request, none is older than what the
// user wrote, no answer to a GET is delivered twice, and each POST is sent.
func TestAnswersAreOnesOwn(t *testing.T) {
	span := func(most int) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.IntRange(0, most), func(n int) time.Duration { return time.Duration(n) * time.Second })
	}
	targets := rapid.SampledFrom([]string{
		"GET " + v3 + "profile/@a:hs", "GET " + v3 + "profile/@b:hs", "GET " + v3 + "sync?since=s1", "GET " + v3 + "sync?since=s2",
		"PUT " + send, "PUT " + v3 + "rooms/!r:hs/send/m.room.message/t2", "PUT " + v3 + "rooms/!r:hs/state/m.room.topic",
		"POST " + v3 + "rooms/!r:hs/receipt/m.read/$e",
	})
	acts := rapid.Custom(func(t *rapid.T) act {
		method, target, _ := strings.Cut(targets.Draw(t, "target"), " ")
		a := act{
			Method: method, Target: target,
			Pause: span(60).Draw(t, "pause"), Patience: span(200).Draw(t, "patience"), Dawdle: span(20).Draw(t, "dawdle"),
		}
		if writes(method) {
			a.Body = rapid.SampledFrom([]string{`{}`, `{"a":1}`}).Draw(t, "body")
		}
		return a
	})
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{
			delays:   rapid.SliceOfN(span(90), 1, 8).Draw(rt, "delays"),
			statuses: rapid.SliceOfN(rapid.SampledFrom([]int{200, 200, 200, 200, 403, 429, 502, 0, 401}), 1, 8).Draw(rt, "statuses"),
			written:  map[string]int{}, executed: map[string]int{},
		}
		const tabs = 2 // of each user
		users := rapid.SliceOfN(rapid.SliceOfN(acts, 1, 12), 2, 6).Draw(rt, "users")
		maxKept := rapid.SampledFrom([]int{0, 20_000}).Draw(rt, "bytes")
		histories := make([]*history, len(users))
		synctest.Test(t, func(t *testing.T) {
			tr := &Transport{Base: m, MaxKept: maxKept}
			var wg sync.WaitGroup
			for i, acts := range users {
				h := &history{user: fmt.Sprint("Bearer ", i/tabs)}
				histories[i] = h
				wg.Go(func() { h.live(tr, acts) })
			}
			wg.Wait()
			_, held := tr.books()
			require.LessOrEqual(t, held, tr.MaxKept)
			require.NoError(t, tr.Close())
			tr.assertEmpty(t)
		})
		for _, h := range histories {
			require.NoError(rt, h.problem)
		}
	})
}
