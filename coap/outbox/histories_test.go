package outbox

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/race"
)

var histories = flag.Uint64("histories", 0, "how many random histories to run; 0 means 2000, 150 under the race detector")

func historiesToRun() uint64 {
	switch {
	case *histories > 0:
		return *histories
	case race.Detector:
		return 150
	}
	return 2000
}

// person writes messages to a room, one after the other, by a client that asks again.
type person struct {
	w            *world
	token, room  string
	crypto       bool // sends a room key before each message
	messages     int
	stubborn     bool // asks until there is an answer
	told         map[string]string
	wasAccepted  []string // targets
	problem      error
	keysUnderWay sync.WaitGroup
	mu           sync.Mutex
}

func (p *person) target(n int) string {
	return fmt.Sprintf("%srooms/%s/send/m.room.message/t%d", v3, p.room, n)
}

// live writes all messages.
func (p *person) live() {
	defer p.keysUnderWay.Wait()
	for n := range p.messages {
		time.Sleep(p.w.luck.upTo(40 * time.Second))
		if p.crypto {
			target, body := fmt.Sprintf("%ssendToDevice/m.room_key/%s-k%d", v3, p.room, n), "{}"
			p.keysUnderWay.Go(func() { p.send(target, body, true) })
			for !p.w.setup.hasty && !p.w.accepted(p.token, target, body) { // clients wait for the answer, even
				time.Sleep(time.Second)
			}
		}
		p.send(p.target(n), fmt.Sprintf(`{"n":%d}`, n), p.stubborn || p.w.luck.percent(50))
	}
}

// send sends a message until it is answered, or until it was accepted and the client has
// no patience any more.
func (p *person) send(target, body string, stubborn bool) {
	for {
		patience := time.Second + p.w.luck.upTo(time.Minute)
		status, answer, err := p.w.ask(patience, p.token, target, body)
		switch {
		case err == nil && status == 200:
			p.learn(target, answer)
			return
		case err == nil && status == 500: // the homeserver's own
		case err == nil && status < 500 && status != 429:
			p.fail(fmt.Errorf("%s: %d %s", target, status, answer))
			return
		}
		if !stubborn && p.w.luck.percent(30) && (p.w.setup.hasty || p.w.accepted(p.token, target, body)) {
			p.mu.Lock()
			p.wasAccepted = append(p.wasAccepted, target)
			p.mu.Unlock()
			return
		}
		time.Sleep(p.w.luck.upTo(20 * time.Second))
	}
}

func (p *person) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problem = errors.Join(p.problem, err)
}

func (p *person) learn(target, answer string) {
	var got struct {
		ID string `json:"event_id"`
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		p.fail(fmt.Errorf("%s: %q", target, answer))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told[target] = got.ID
	p.wasAccepted = append(p.wasAccepted, target)
}

// chaos happens to the world until ended is closed.
func (w *world) chaos(ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(w.luck.upTo(time.Minute)):
		}
		switch w.luck.below(8) {
		case 0, 1:
			w.setLink(false)
			longest := time.Minute
			if w.luck.percent(30) {
				longest = 3 * time.Hour
			}
			select {
			case <-ended:
			case <-time.After(w.luck.upTo(longest)):
			}
			w.setLink(true)
		case 2:
			w.crashNear(w.luck.upTo(30 * time.Second))
		case 3:
			w.crashFar()
		case 4:
			w.homeserver.restart(w.setup.amnesiac)
		case 5:
			w.crashFar()
			w.homeserver.restart(w.setup.amnesiac)
		}
	}
}

// live runs a history and returns what was wrong with it.
func live(t *testing.T, seed uint64, s setup) (problem error) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, s)
		w.loss, w.homeserver.fail = w.luck.below(40), w.luck.below(20)
		var people []*person
		for u := range 1 + w.luck.below(3) {
			for r := range 1 + w.luck.below(3) {
				people = append(people, &person{
					w: w, token: fmt.Sprint("token-", u), room: fmt.Sprintf("!%d:hs", r), crypto: w.luck.percent(40),
					messages: 1 + w.luck.below(6), stubborn: w.luck.percent(50), told: map[string]string{},
				})
			}
		}
		ended := make(chan struct{})
		var chaos, living sync.WaitGroup
		chaos.Go(func() { w.chaos(ended) })
		for _, p := range people {
			living.Go(p.live)
		}
		living.Wait()
		close(ended)
		chaos.Wait()
		w.mu.Lock()
		w.loss = 0
		w.mu.Unlock()
		w.homeserver.mu.Lock()
		w.homeserver.fail = 0
		w.homeserver.mu.Unlock()
		for patience := 100; patience > 0 && w.near.Snapshot().Queued > 0; patience-- {
			time.Sleep(time.Hour)
		}
		problem = w.judge(people)
		w.stop()
	})
	return problem
}

// judge looks for what must not be.
func (w *world) judge(people []*person) (problem error) {
	wrong := func(format string, args ...any) { problem = errors.Join(problem, fmt.Errorf(format, args...)) }
	if s := w.near.Snapshot(); s.Queued > 0 || s.Bytes > 0 || len(s.Rooms) > 0 {
		wrong("%d are still queued", s.Queued)
	}
	keys, _ := w.nearDisk.Keys("")
	for _, key := range keys {
		value, _ := w.nearDisk.Load(key)
		if strings.Contains(string(value), "token-") || strings.HasPrefix(key, itemPrefix) {
			wrong("%s is still there", key)
		}
	}
	h := w.homeserver
	h.mu.Lock()
	defer h.mu.Unlock()
	type name struct{ token, target string }
	done := map[name]execution{}
	last := map[name]int{}
	for _, e := range h.done {
		if other, again := done[name{e.token, e.target}]; again {
			wrong("%s of %s was executed as %s and %s", e.target, e.token, other.id, e.id)
		}
		done[name{e.token, e.target}] = e
	}
	for _, e := range h.done {
		room, isMessage := strings.CutPrefix(e.target, v3+"rooms/")
		if !isMessage {
			continue
		}
		room, _, _ = strings.Cut(room, "/")
		var content struct{ N int }
		if err := json.Unmarshal([]byte(e.body), &content); err != nil {
			wrong("%s", e.body)
		}
		at := name{e.token, room}
		if content.N+1 <= last[at] {
			wrong("%s came late", e.target)
		}
		last[at] = content.N + 1
	}
	for _, p := range people {
		if p.problem != nil {
			problem = errors.Join(problem, p.problem)
		}
		for target, id := range p.told {
			if e := done[name{p.token, target}]; e.id != id {
				wrong("%s of %s is %q, its client was told %q", target, p.token, e.id, id)
			}
		}
		for _, target := range p.wasAccepted {
			if _, ok := done[name{p.token, target}]; !ok {
				wrong("%s was accepted and not executed", target)
			}
		}
		for n := range p.messages {
			if !p.crypto {
				break
			}
			key := done[name{p.token, fmt.Sprintf("%ssendToDevice/m.room_key/%s-k%d", v3, p.room, n)}]
			message := done[name{p.token, p.target(n)}]
			if message.id != "" && (key.id == "" || number(w.t, message.id) < number(w.t, key.id)) {
				wrong("%s overtook its key", message.target)
			}
		}
	}
	return problem
}

func number(t *testing.T, id string) (n int) {
	_, err := fmt.Sscanf(id, "$%d", &n)
	require.NoError(t, err)
	return n
}

// TestHistories: whatever happens to the link, to both gateways and to the homeserver,
// which forgets its transaction ids when it restarts, and however impatient clients are,
// each message that was accepted is executed once, in the order of its room and after its
// room key, and each client that keeps asking is told the true event id. A seed tells the
// kind of history, not each step: what happens at one moment goes in any order.
func TestHistories(t *testing.T) {
	for seed := range historiesToRun() {
		require.NoError(t, live(t, seed, setup{}), "seed %d", seed)
	}
}

// TestHistoriesFind: the same histories find what is broken.
func TestHistoriesFind(t *testing.T) {
	const most = 1000
	for name, tt := range map[string]struct {
		setup setup
		want  string
	}{
		"a far gateway that keeps no answers":            {setup{forgetful: true}, "was executed as"},
		"a near gateway that keeps nothing":              {setup{volatile: true}, "accepted and not executed"},
		"no outbox":                                      {setup{hasty: true}, "not executed"},
		"a homeserver that forgets what nobody else has": {setup{amnesiac: true}, "was executed as"},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(most) {
				if err := live(t, seed, tt.setup); err != nil && strings.Contains(err.Error(), tt.want) {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			assert.Fail(t, "nothing was found")
		})
	}
}
