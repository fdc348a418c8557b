package coap_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/observe"
)

// pushed is what an observer of the pushed form was given.
type pushed struct {
	mu   sync.Mutex
	seen []string
}

func (p *pushed) deliver(n observe.Pushed) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case n.Fetch:
		p.seen = append(p.seen, "fetch")
	case n.Register:
		p.seen = append(p.seen, "register")
	default:
		body, err := io.ReadAll(n.Response.Body)
		if err != nil {
			return err
		}
		p.seen = append(p.seen, string(body))
	}
	return nil
}

func (p *pushed) got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

func syncFrom(t *testing.T, since string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "coap://far/_matrix/client/v3/sync?since="+since+"&timeout=0", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer tok")
	return r
}

// inPush runs f with a Transport that has agreed on version 2 with a Server in front of the
// handler.
func inPush(t *testing.T, h http.Handler, f func(t *testing.T, tr *coap.Transport)) {
	inPushOver(t, link.Default(), h, f)
}

// inPushOver is inPush with a client whose link is of that profile.
func inPushOver(t *testing.T, p link.Profile, h http.Handler, f func(t *testing.T, tr *coap.Transport)) {
	synctest.Test(t, func(t *testing.T) {
		v := newVersion2(t, shippedModel)
		tr := &coap.Transport{Dial: serve(t, &coap.Server{Handler: h, Version2: v}, nil).Dial, Version2: v, Profile: p}
		resp, err := tr.RoundTrip(syncFrom(t, "s0"))
		require.NoError(t, err)
		_ = resp.Body.Close()
		f(t, tr)
		require.NoError(t, tr.Close())
	})
}

// TestPushedSync: what is new comes one after the other, and goes on from one another; a
// 401 is the last.
func TestPushedSync(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s0":       {{0, 200, nothing("s1_0_0_1", "50")}},
		"s1_0_0_1": {{0, 200, oneMessage("s2_0_0_1", "one")}},
		"s2_0_0_1": {{5 * time.Second, 200, nothing("s3_0_0_1", "50")}},
		"s3_0_0_1": {{time.Second, 200, oneMessage("s4_0_0_1", "two")}},
		"s4_0_0_1": {{time.Second, 200, nothing("s5_0_0_1", "49")}},
		"s5_0_0_1": {{time.Second, 502, `{}`}, {0, 200, oneMessage("s6_0_0_1", "three")}},
		"s6_0_0_1": {{time.Second, 401, `{"errcode":"M_UNKNOWN_TOKEN","error":"gone"}`}},
	}}
	inPush(t, script, func(t *testing.T, tr *coap.Transport) {
		var p pushed
		o, err := tr.Observe(syncFrom(t, "s1_0_0_1"), nil, p.deliver)
		require.NoError(t, err)
		<-o.Done()
		require.NoError(t, o.Err())
		// That only next_batch moves on is not told.
		assert.Equal(t, []string{
			oneMessage("s2_0_0_1", "one"), oneMessage("s4_0_0_1", "two"), nothing("s5_0_0_1", "49"),
			oneMessage("s6_0_0_1", "three"), `{"errcode":"M_UNKNOWN_TOKEN","error":"gone"}`,
		}, p.got())
	})
}

// nobodyTypes is what Dendrite answers to each poll once a typing notification has expired.
func nobodyTypes(next string, unread int) string {
	return fmt.Sprintf(`{"next_batch":%q,"rooms":{"join":{"!r:h":{"ephemeral":{"events":[{"content":{"user_ids":[]},"type":"m.typing"}]},"unread_notifications":{"highlight_count":0,"notification_count":%d}}}}}`, next, unread)
}

// TestPushedRepetitions: what says only what the client was told is not pushed, and nothing
// is missing of what follows.
func TestPushedRepetitions(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s0":       {{0, 200, nothing("s1_0_0_1", "50")}},
		"s1_0_0_1": {{0, 200, nobodyTypes("s2_0_0_1", 1)}},
		"s2_0_0_1": {{0, 200, nobodyTypes("s3_0_0_1", 1)}},
		"s3_0_0_1": {{0, 200, nobodyTypes("s4_0_0_1", 1)}},
		"s4_0_0_1": {{0, 200, nobodyTypes("s5_0_0_1", 2)}},
		"s5_0_0_1": {{0, 200, oneMessage("s6_0_0_1", "one")}},
		"s6_0_0_1": {{0, 200, nobodyTypes("s7_0_0_1", 2)}},
		"s7_0_0_1": {{time.Second, 401, `{"errcode":"M_UNKNOWN_TOKEN","error":"gone"}`}},
	}}
	inPush(t, script, func(t *testing.T, tr *coap.Transport) {
		var p pushed
		o, err := tr.Observe(syncFrom(t, "s1_0_0_1"), nil, p.deliver)
		require.NoError(t, err)
		<-o.Done()
		require.NoError(t, o.Err())
		assert.Equal(t, []string{
			nobodyTypes("s2_0_0_1", 1), nobodyTypes("s5_0_0_1", 2), oneMessage("s6_0_0_1", "one"),
			`{"errcode":"M_UNKNOWN_TOKEN","error":"gone"}`,
		}, p.got())
	})
}
