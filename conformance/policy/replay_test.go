package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/gateway"
)

const (
	messages = "messages"
	synced   = "/sync"
	rest     = "the rest"
)

// causeOf is the row of the policy that a request is about, or what else it is for.
func causeOf(method, route string) string {
	for _, row := range policy.Rows() {
		if row.Method == method && row.Matches(route) {
			return row.Name
		}
	}
	switch {
	case strings.HasSuffix(route, "/sync"):
		return synced
	case strings.Contains(route, "/send/"):
		return messages
	}
	return rest
}

// costs are bytes by cause, up and down.
type costs map[string]int

func (c costs) total() (n int) {
	for _, bytes := range c {
		n += bytes
	}
	return n
}

// meter finds out what each request takes, one at a time.
type meter struct {
	base  http.RoundTripper
	count *counter
	// turn holds an item while a request is under way: a mutex would stop virtual time.
	turn  chan struct{}
	costs costs
}

// RoundTrip implements http.RoundTripper. It returns when all packets are counted.
func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	up, down := m.count.read()
	resp, err := m.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	time.Sleep(5 * time.Second)
	nowUp, nowDown := m.count.read()
	m.costs[causeOf(r.Method, r.URL.EscapedPath())] += nowUp - up + nowDown - down
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// scripted answers what the policy and the chat are about by a homeserver, and all else as
// was recorded: with that status and so many bytes.
type scripted struct {
	inprocess.Transport
	now step
}

// RoundTrip implements http.RoundTripper.
func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	path := r.URL.EscapedPath()
	if s.now.method != r.Method || causeOf(r.Method, path) != rest || strings.Contains(path, "/filter/") || strings.HasSuffix(path, "/whoami") {
		return s.Transport.RoundTrip(r)
	}
	body := "{}"
	if s.now.size > 8 {
		body = `{"x":"` + words(s.now.size-8) + `"}`
	}
	return &http.Response{
		StatusCode: s.now.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// replay lives an hour of a client's session over a link and returns what it took.
func replay(t *testing.T, p link.Profile, steps []step, with bool) costs {
	hs := &scripted{}
	cfg := virtual.Config{Client: p, Link: clean(p), Version2: version2, Homeserver: hs}
	if with {
		cfg.SlowLinks = &gateway.SlowLinks{}
	}
	total := costs{}
	virtual.Run(t, cfg, func(pair *virtual.Pair) {
		t := pair.T
		hs.Transport = inprocess.Transport{Handler: fakehs.New(fakehs.Config{Seed: 1})}
		alice, where := settle(t, hs)
		count := &counter{}
		pair.Link.Tap(count.packet)
		warm, err := pair.Transport.RoundTrip(newRequest(t, "GET", v3+"/account/whoami", alice.token, "", ""))
		require.NoError(t, err)
		require.NoError(t, warm.Body.Close())

		m := &meter{base: pair.Transport, count: count, turn: make(chan struct{}, 1), costs: total}
		client := &policy.Transport{Base: m, Profile: p, Off: !with}
		begun := time.Now()
		for i, s := range steps {
			// No two at one moment, nor what was held back for whole seconds: which is first must not
			// be up to luck.
			synctest.Wait()
			apart := time.Duration(i) * 7 * time.Millisecond
			time.Sleep(time.Until(begun.Add(time.Duration(s.at*float64(time.Hour)) + apart)))
			hs.now = s
			target := where.target(s)
			resp, err := client.RoundTrip(newRequest(t, s.method, target, alice.token, "application/json", where.body(s)))
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			if strings.HasSuffix(s.route, "/sync") && s.method == "GET" {
				var answer struct {
					Next string `json:"next_batch"`
				}
				require.NoError(t, json.Unmarshal(body, &answer))
				where.since = answer.Next
			}
		}
		require.NoError(t, client.Close())
	})
	return total
}

// settle gives alice a room in which bob has written.
func settle(t *testing.T, hs *scripted) (*user, *place) {
	alice, bob := register(t, hs.Transport, "alice"), register(t, hs.Transport, "bob")
	room := alice.want("POST", v3+"/createRoom", `{"preset":"public_chat","name":"harbour"}`)["room_id"].(string)
	where := &place{user: alice.id, room: room}
	in := &place{room: room}
	bob.want("POST", v3+"/join/"+in.target(step{route: "{roomId}"}), `{}`)
	for i := range 20 {
		sent := bob.want("PUT", in.target(step{route: v3 + "/rooms/{roomId}/send/m.room.message/"})+strconv.Itoa(i), fmt.Sprintf(`{"msgtype":"m.text","body":"%s"}`, words(40+i)))
		where.events = append(where.events, sent["event_id"].(string))
	}
	uri := alice.want("POST", "/_matrix/media/v3/upload", words(4000))["content_uri"].(string)
	where.media = strings.TrimPrefix(uri, "mxc://localhost/")
	return alice, where
}

// TestReplay measures what sessions of clients take with and without a policy, by cause.
func TestReplay(t *testing.T) {
	names, all := sessions(t)
	slow := profile(t, "hf-vara500")
	without, with := make([]costs, len(all)), make([]costs, len(all))
	for i, steps := range all {
		without[i], with[i] = replay(t, slow, steps, false), replay(t, slow, steps, true)
		assert.LessOrEqual(t, with[i].total(), without[i].total(), names[i])
		assert.InEpsilon(t, without[i][messages], with[i][messages], 0.01, "%s: messages are not touched", names[i])
		assert.Zero(t, with[i]["presence"], names[i])
	}
	var causes []string
	for _, row := range policy.Rows() {
		causes = append(causes, row.Name)
	}
	causes = append(causes, synced, messages, rest)
	var b strings.Builder
	b.WriteString("\n| bytes |")
	for _, n := range names {
		b.WriteString(" " + n + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(names)) + "\n")
	for _, cause := range causes {
		line, some := "| "+cause+" |", false
		for i := range all {
			some = some || without[i][cause] > 0
			line += cell(without[i][cause], with[i][cause])
		}
		if some {
			b.WriteString(line + "\n")
		}
	}
	b.WriteString("| **all** |")
	for i := range all {
		b.WriteString(cell(without[i].total(), with[i].total()))
	}
	compare(t, "clients", b.String()+"\n\n")
}

func cell(without, with int) string {
	switch {
	case without == 0:
		return "  |"
	case without == with:
		return fmt.Sprintf(" %d |", without)
	}
	return fmt.Sprintf(" %d → %d |", without, with)
}

// TestReplayProfiles measures an hour of chat over some links.
func TestReplayProfiles(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| link | tier | all | without /sync and messages |\n|---|---|---|---|\n")
	for _, name := range []string{"bgan", "gprs", "iridium-2400", "hf-vara500", "fosdem-100bps"} {
		p := profile(t, name)
		without, with := replay(t, p, hourOfChat(), false), replay(t, p, hourOfChat(), true)
		chatter := func(c costs) int { return c.total() - c[synced] - c[messages] }
		fmt.Fprintf(&b, "| %s | %s |%s%s\n", name, policy.TierOf(p), cell(without.total(), with.total()), cell(chatter(without), chatter(with)))
		if policy.TierOf(p) >= policy.Slow {
			assert.Less(t, chatter(with), chatter(without)/2, name)
		}
	}
	compare(t, "profiles", b.String()+"\n")
}
