package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/observe"
)

// homeserver is a stream of events, of which it forgets to-device ones when it is asked
// past them.
type homeserver struct {
	mu     sync.Mutex
	events []event
	// forgotten is the position up to which to-device events are gone.
	forgotten int
	counts    int
	// revoked: the token is unknown by now.
	revoked bool
}

type event struct {
	toDevice bool
	name     string
}

func (h *homeserver) add(toDevice bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event{toDevice, fmt.Sprintf("e%d", len(h.events)+1)})
}

func (h *homeserver) claim() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts++
}

type answered struct {
	Next     string         `json:"next_batch"`
	Events   []string       `json:"timeline,omitempty"`
	ToDevice toDevice       `json:"to_device,omitzero"`
	Counts   map[string]int `json:"device_one_time_keys_count"`
}

type toDevice struct {
	Events []string `json:"events"`
}

// sync answers; empty says that it holds no event, at is the position of its end.
func (h *homeserver) sync(since string) (status int, body []byte, empty bool, counts int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.revoked {
		return http.StatusUnauthorized, []byte(`{"errcode":"M_UNKNOWN_TOKEN"}`), false, h.counts
	}
	from := position(since)
	h.forgotten = max(h.forgotten, from)
	a := answered{Next: "p" + strconv.Itoa(len(h.events)), Counts: map[string]int{"signed_curve25519": h.counts}}
	for i := from; i < len(h.events); i++ {
		switch e := h.events[i]; {
		case !e.toDevice:
			a.Events = append(a.Events, e.name)
		case i >= h.forgotten:
			a.ToDevice.Events = append(a.ToDevice.Events, e.name)
		}
	}
	body, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return http.StatusOK, body, len(a.Events)+len(a.ToDevice.Events) == 0, h.counts
}

// compare returns what is wrong with what a client has seen in the end.
func (h *homeserver) compare(seen []string) (wrong []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, toDevice := range []bool{false, true} {
		var wanted, got []string
		for _, e := range h.events {
			if e.toDevice == toDevice {
				wanted = append(wanted, e.name)
			}
		}
		for _, e := range seen {
			if slices.Contains(wanted, e) {
				got = append(got, e)
			}
		}
		if !slices.Equal(wanted, got) {
			wrong = append(wrong, fmt.Sprintf("to-device %v: %v happened, %v was seen", toDevice, wanted, got))
		}
	}
	return wrong
}

func position(since string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(since, "p"))
	return n
}

// far is the link and the gateway behind it, with faults at random while it is wild.
type far struct {
	token string // of the last registration
	hs    *homeserver
	rand  *rand.Rand

	mu   sync.Mutex
	wild bool
	// unpushed: the peer does not push; hasty: it polls on before what it told is kept;
	// down: the link is away.
	unpushed, hasty, down bool
	// restarts counts those of the server; pushes what it pushed, asked its requests.
	restarts, pushes, asked int
	observations            map[*observation]bool
	wg                      sync.WaitGroup
}

var errLink = errors.New("the link is away")

// calm ends all faults.
func (f *far) calm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wild = false
}

// chance is true once in n times, while all is wild.
func (f *far) chance(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wild && f.rand.IntN(n) == 0
}

func (f *far) within(d time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Duration(f.rand.Int64N(int64(d)))
}

// RoundTrip is a request over the link.
func (f *far) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.asked++
	f.mu.Unlock()
	travel := func() error {
		select {
		case <-time.After(f.within(2 * time.Second)):
			if f.chance(5) {
				return errLink
			}
			return nil
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	if err := travel(); err != nil {
		return nil, err
	}
	status, body, _, _ := f.hs.sync(r.URL.Query().Get("since"))
	if err := travel(); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// observation is one at the far gateway.
type observation struct {
	f      *far
	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	err    error
	// restarted: the server was.
	restarted chan struct{}
}

// Observe implements observe.Source.
func (f *far) Observe(r *http.Request, instead observe.Observation, deliver func(observe.Pushed) error) (observe.Observation, error) {
	f.mu.Lock()
	f.asked++
	unpushed := f.unpushed
	f.mu.Unlock()
	if unpushed {
		return nil, observe.ErrNotPushed
	}
	time.Sleep(f.within(2 * time.Second))
	if f.down || f.chance(6) || r.Context().Err() != nil {
		return nil, errLink
	}
	o := &observation{f: f, restarted: make(chan struct{}, 1)}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	f.mu.Lock()
	f.token = r.Header.Get("Authorization")
	f.observations[o] = true
	f.mu.Unlock()
	f.wg.Go(func() {
		defer o.cancel()
		o.push(r.URL.Query().Get("since"), deliver)
	})
	return o, nil
}

// restart has the server call its observers up.
func (f *far) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restarts++
	for o := range f.observations {
		select {
		case o.restarted <- struct{}{}:
		default:
		}
	}
}

// push tells what is new, as observe.Push does.
func (o *observation) push(polled string, deliver func(observe.Pushed) error) {
	counts := -1
	for o.ctx.Err() == nil {
		select {
		case <-o.restarted:
			_ = deliver(observe.Pushed{Register: true})
			return
		case <-time.After(o.f.within(time.Second)):
		case <-o.ctx.Done():
			return
		}
		status, body, empty, now := o.f.hs.sync(polled)
		var a answered
		_ = json.Unmarshal(body, &a)
		if empty && now == counts {
			polled = a.Next
			continue
		}
		if o.f.chance(4) {
			_ = deliver(observe.Pushed{Fetch: true})
			return
		}
		tell := func() error {
			o.f.mu.Lock()
			o.f.pushes++
			o.f.mu.Unlock()
			return deliver(observe.Pushed{Response: &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}})
		}
		time.Sleep(o.f.within(3 * time.Second))
		if o.f.chance(8) { // the session is lost on the way
			return
		}
		if o.f.hasty {
			o.f.hs.sync(a.Next)
		}
		err := tell()
		for err == nil && o.f.chance(4) { // the acknowledgement is lost
			time.Sleep(o.f.within(time.Minute))
			err = tell()
		}
		if err != nil {
			o.mu.Lock()
			o.err = err
			o.mu.Unlock()
			return
		}
		if status != http.StatusOK {
			return
		}
		polled, counts = a.Next, now
	}
}

func (o *observation) Leave()                       { o.cancel() }
func (o *observation) Cancel(context.Context) error { o.cancel(); return nil }
func (o *observation) Renew() time.Duration         { return 0 }
func (o *observation) Silence() time.Duration       { return 0 }
func (o *observation) Done() <-chan struct{}        { return o.ctx.Done() }
func (o *observation) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// client is a Matrix client: it stores what it was told before it asks for what follows.
type client struct {
	renewed string // end of the access token
	since   string
	seen    []string
	wrong   []string
}

// poll makes one poll. It returns whether it was answered.
func (c *client) poll(ctx context.Context, rt http.RoundTripper, timeout time.Duration, extra string, crashes bool) (status int) {
	query := "timeout=" + strconv.FormatInt(timeout.Milliseconds(), 10) + extra
	if c.since != "" {
		query += "&since=" + c.since
	}
	r := (&http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "coap", Host: "far", Path: "/_matrix/client/v3/sync", RawQuery: query},
		Header: http.Header{"Authorization": {"Bearer tok" + c.renewed}}}).WithContext(ctx)
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var a answered
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp.StatusCode
	}
	if crashes { // before it has stored anything
		return resp.StatusCode
	}
	if err := json.Unmarshal(body, &a); err != nil || a.Next == "" || a.Counts == nil {
		c.wrong = append(c.wrong, "an answer that says too little: "+string(body))
	}
	news := append(append([]string(nil), a.Events...), a.ToDevice.Events...)
	for _, e := range news {
		n, _ := strconv.Atoi(strings.TrimPrefix(e, "e"))
		if n <= position(c.since) || n > position(a.Next) {
			c.wrong = append(c.wrong, fmt.Sprintf("%s between %s and %s", e, c.since, a.Next))
		}
	}
	c.seen = append(c.seen, news...)
	c.since = a.Next
	return resp.StatusCode
}
