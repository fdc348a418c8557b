package policy

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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// said is what the model's homeserver knows about a request.
type said struct {
	User, Target string
	// Version counts the changes of the part of the API that is read.
	Version int
}

// model is a homeserver behind a link that takes random times and fails at random. It
// answers 304 to a validator of what it would say.
type model struct {
	mu       sync.Mutex
	delays   []time.Duration
	down     []bool
	requests int
	versions map[string]int       // of parts of the API, by user
	ended    map[string]time.Time // tokens, and when
	// receipts are the last that arrived, by user and room, and how many did.
	receipts map[string]int
	arrived  int
}

// RoundTrip implements http.RoundTripper.
func (m *model) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	n := m.requests
	m.requests++
	m.mu.Unlock()
	up, down := m.delays[n%len(m.delays)], m.delays[(n+1)%len(m.delays)]
	if !sleep(r.Context(), up) {
		return nil, r.Context().Err()
	}
	if m.down[n%len(m.down)] {
		return nil, errDown
	}
	resp := m.execute(r)
	if !sleep(r.Context(), down) {
		return nil, r.Context().Err()
	}
	return resp, nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (m *model) execute(r *http.Request) *http.Response {
	m.mu.Lock()
	defer m.mu.Unlock()
	user := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !m.ended[user].IsZero() {
		return reply(401, `{"errcode":"M_UNKNOWN_TOKEN"}`)
	}
	part := api(segments(r.URL.EscapedPath()))
	switch {
	case part[0] == "logout":
		m.ended[user] = time.Now()
		return reply(200, "{}")
	case r.Method == "PUT" && part[0] == "pushrules":
		m.versions[user+part[0]]++
		return reply(200, "{}")
	case r.Method == "POST": // a receipt
		var n int
		_, _ = fmt.Sscanf(part[4], "$%d", &n)
		m.arrived++
		m.receipts[user+part[1]] = n
		return reply(200, "{}")
	}
	body, _ := json.Marshal(said{user, r.URL.RequestURI(), m.versions[user+part[0]]})
	resp := reply(200, string(body))
	if e := (&entry{header: resp.Header, body: body}); r.Header.Get("If-None-Match") == e.validator() {
		return &http.Response{StatusCode: 304, Header: http.Header{}, Body: http.NoBody}
	}
	return resp
}

// version is that of a user's part of the API.
func (m *model) version(user, part string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.versions[user+part]
}

// endOf is when a token has ended.
func (m *model) endOf(user string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended[user]
}

// TestModel: over a link that is slow and fails, with users who read, write, are logged
// out and read receipts in any order, nobody sees another's answers, what a user has
// written is seen by the next that reads it, who was logged out gets no answer from here
// behind a 401 and after an hour at the latest, and the last receipt of a room arrives unless the link fails it three times.
func TestModel(t *testing.T) {
	type act struct {
		Pause  time.Duration
		User   string
		What   string
		Target string
	}
	genAct := rapid.Custom(func(t *rapid.T) act {
		return act{
			time.Duration(rapid.SampledFrom([]int{0, 1, 10, 60, 1000, 3000, 5000}).Draw(t, "pause")) * time.Second,
			rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "user"),
			rapid.SampledFrom([]string{"read", "read", "read", "sync", "sync", "write", "receipt", "receipt", "logout", "ended"}).Draw(t, "what"),
			rapid.SampledFrom([]string{"pushrules/", "pushrules/global", "capabilities", "profile/@x:hs"}).Draw(t, "target"),
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		acts := rapid.SliceOfN(genAct, 20, 80).Draw(rt, "acts")
		delays := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 40), func(s int) time.Duration { return time.Duration(s) * time.Second }), 1, 5).Draw(rt, "delays")
		var failures collector
		fails := rapid.SliceOfN(rapid.Bool(), 0, 5).Draw(rt, "fails")
		synctest.Test(t, func(*testing.T) {
			m := &model{delays: delays, down: append(fails, false, false), versions: map[string]int{}, ended: map[string]time.Time{}, receipts: map[string]int{}}
			p := profile(t, "hf-vara500")
			tr := &Transport{Base: m, Profile: p}
			rt := &failures // the library must not leave a bubble in the middle
			last, told := map[string]int{}, map[string]bool{}
			do := func(method, target, user string) (status int, body string) {
				begun := time.Now()
				r, err := http.NewRequest(method, "http://hs"+v3+target, strings.NewReader("{}"))
				assert.NoError(rt, err)
				if method == "GET" {
					r.Body = nil
				}
				r.Header.Set("Authorization", "Bearer "+user)
				resp, err := tr.RoundTrip(r)
				if err != nil {
					assert.ErrorIs(rt, err, errDown)
					return 0, ""
				}
				text, err := io.ReadAll(resp.Body)
				assert.NoError(rt, err)
				assert.NoError(rt, resp.Body.Close())
				if at := m.endOf(user); !at.IsZero() && resp.StatusCode == 200 {
					assert.Less(rt, begun.Sub(at), trustFor, "%s was logged out", user)
				}
				if resp.StatusCode == 401 {
					told[user] = true
				} else {
					assert.False(rt, told[user], "%s was told that the token has ended, and now %d", user, resp.StatusCode)
				}
				return resp.StatusCode, string(text)
			}
			for i, a := range acts {
				time.Sleep(a.Pause)
				switch a.What {
				case "sync":
					do("GET", "sync", a.User)
				case "write":
					do("PUT", "pushrules/global/x", a.User)
				case "logout":
					if i > 15 {
						do("POST", "logout", a.User)
					}
				case "ended": // by another device
					if i > 15 {
						m.mu.Lock()
						m.ended[a.User] = time.Now()
						m.mu.Unlock()
					}
				case "receipt":
					if status, _ := do("POST", fmt.Sprintf("rooms/!r/receipt/m.read/$%d", i), a.User); status == 200 {
						last[a.User] = i
					}
				case "read":
					part := strings.Split(a.Target, "/")[0]
					least := m.version(a.User, part)
					status, body := do("GET", a.Target, a.User)
					if status != 200 {
						break
					}
					var got said
					assert.NoError(rt, json.Unmarshal([]byte(body), &got))
					assert.Equal(rt, said{a.User, v3 + a.Target, least}, got, "nobody else writes")
				}
			}
			time.Sleep(3 * time.Hour)
			assert.NoError(rt, tr.Close())
			assert.Empty(rt, tr.held)
			for user, n := range last {
				if len(fails) == 0 && m.ended[user].IsZero() {
					assert.Equal(rt, n, m.receipts[user+"!r"], "the last receipt of %s", user)
				}
			}
		})
		require.Empty(rt, failures)
	})
}

// collector collects failures.
type collector []string

// Errorf implements assert.TestingT.
func (c *collector) Errorf(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }
