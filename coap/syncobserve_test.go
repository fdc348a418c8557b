package coap_test

import (
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

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// syncScript is a homeserver that answers /sync by the since it is asked with.
type syncScript struct {
	mu      sync.Mutex
	answers map[string][]syncAnswer
	asked   []string
}

type syncAnswer struct {
	after  time.Duration
	status int
	body   string
}

func (s *syncScript) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	since := r.URL.Query().Get("since")
	s.mu.Lock()
	s.asked = append(s.asked, since+" "+r.URL.Query().Get("timeout")+" "+r.Header.Get("Authorization"))
	var a syncAnswer
	left := s.answers[since]
	if len(left) > 0 {
		a, s.answers[since] = left[0], left[1:]
	}
	s.mu.Unlock()
	if a.status == 0 { // nothing more to say: hold the poll
		<-r.Context().Done()
		return
	}
	select {
	case <-time.After(a.after):
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func (s *syncScript) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

func oneMessage(next, text string) string {
	return fmt.Sprintf(`{"next_batch":%q,"rooms":{"join":{"!r:h":{"timeline":{"events":[{"type":"m.room.message","content":{"body":%q}}]}}}}}`, next, text)
}

func nothing(next, counts string) string {
	return fmt.Sprintf(`{"next_batch":%q,"device_one_time_keys_count":{"signed_curve25519":%s},"device_lists":{"changed":[],"left":[]},"rooms":{"join":{}}}`, next, counts)
}

// observed is what an observer of /sync got.
type observed struct {
	mu   sync.Mutex
	seen []string
}

func (o *observed) deliver(t *testing.T, hold func()) func(*endpoint.Response) error {
	return func(resp *endpoint.Response) error {
		cbor, err := io.ReadAll(resp.Body)
		assert.NoError(t, err)
		json, err := cborcodec.V1(cborcodec.Limits{}).AppendJSON(nil, cbor)
		assert.NoError(t, err)
		o.mu.Lock()
		o.seen = append(o.seen, resp.Code.String()+" "+string(json))
		o.mu.Unlock()
		hold()
		return nil
	}
}

func (o *observed) got() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.seen...)
}

// registration observes /sync from since as a foreign client would.
func registration(since string) *endpoint.Request {
	return &endpoint.Request{Code: endpoint.GET, Options: endpoint.Options{}.
		AddString(endpoint.URIPath, "7").
		AddString(endpoint.URIQuery, "since="+since).AddString(endpoint.URIQuery, "timeout=0").
		AddString(coap.OptionAccessToken, "tok").AddUint(coap.OptionVersion, 1)}
}

// inObservation runs f with a client's session to a Server in front of the script.
func inObservation(t *testing.T, script http.Handler, f func(t *testing.T, c *endpoint.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		f(t, newServer(t, &coap.Server{Handler: script}))
	})
}

func TestObservedSync(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s1": {{0, 200, oneMessage("s2", "one")}},
		"s2": {{5 * time.Second, 200, nothing("s3", "50")}},
		"s3": {{0, 502, `{}`}, {0, 200, oneMessage("s4", "two")}},
		"s4": {{0, 200, nothing("s5", "50")}, {time.Second, 200, nothing("s5", "49")}},
		"s5": {{time.Second, 200, nothing("s6", "49")}},
		"s6": {{time.Second, 401, `{"errcode":"M_UNKNOWN_TOKEN","error":"gone"}`}},
	}}
	inObservation(t, script, func(t *testing.T, c *endpoint.Conn) {
		var got observed
		o, err := c.Observe(t.Context(), registration("s1"), got.deliver(t, func() {}))
		require.NoError(t, err)
		<-o.Done()
		// Updates that hold only a new next_batch are not sent; a change of the key
		// counts is; a homeserver that fails is asked again; a 401 ends it.
		assert.Equal(t, []string{
			"2.05 " + oneMessage("s2", "one"),
			"2.05 " + nothing("s3", "50"),
			"2.05 " + oneMessage("s4", "two"),
			"2.05 " + nothing("s6", "49"),
			`4.01 {"errcode":"M_UNKNOWN_TOKEN","error":"gone"}`,
		}, got.got())
		assert.Equal(t, []string{
			"s1 0 Bearer tok", "s2 30000 Bearer tok", "s3 30000 Bearer tok", "s3 30000 Bearer tok",
			"s4 30000 Bearer tok", "s5 30000 Bearer tok", "s6 30000 Bearer tok",
		}, script.questions())
	})
}

// A homeserver forgets to-device messages when it is polled past them: the poll
// that does so waits for the acknowledgement.
func TestObservedSyncMovesOnAfterAcknowledgement(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s1": {{0, 200, oneMessage("s2", "one")}},
		"s2": {{time.Second, 200, oneMessage("s3", "two")}},
	}}
	inObservation(t, script, func(t *testing.T, c *endpoint.Conn) {
		var got observed
		const wait = 20 * time.Second
		calls := 0
		o, err := c.Observe(t.Context(), registration("s1"), got.deliver(t, func() {
			if calls++; calls == 2 {
				time.Sleep(wait) // virtual: the acknowledgement follows deliver
			}
		}))
		require.NoError(t, err)
		time.Sleep(wait)
		synctest.Wait()
		assert.Len(t, got.got(), 2)
		assert.NotContains(t, strings.Join(script.questions(), "\n"), "s3 ", "polled past a notification that is not acknowledged")
		time.Sleep(2 * wait)
		assert.Contains(t, strings.Join(script.questions(), "\n"), "s3 ", "polls on after the acknowledgement")
		require.NoError(t, o.Cancel(t.Context()))
	})
}

// Other resources cannot be observed; neither can a /sync that fails.
func TestNotObserved(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"":   {{0, 200, `{"versions":[]}`}},
		"s1": {{0, 403, `{"errcode":"M_FORBIDDEN","error":"no"}`}},
	}}
	inObservation(t, script, func(t *testing.T, c *endpoint.Conn) {
		var got observed
		_, err := c.Observe(t.Context(), &endpoint.Request{Code: endpoint.GET, Options: endpoint.Options{}.AddString(endpoint.URIPath, "0")}, got.deliver(t, func() {}))
		require.ErrorIs(t, err, endpoint.ErrNotObserved)
		_, err = c.Observe(t.Context(), registration("s1"), got.deliver(t, func() {}))
		require.ErrorIs(t, err, endpoint.ErrNotObserved)
	})
}

// A notification of several blocks that the client does not fetch is not counted
// as delivered: the homeserver is asked again from where the client stands.
func TestObservedSyncNotFetched(t *testing.T) {
	large := strings.Repeat("much news ", 300)
	script := &syncScript{answers: map[string][]syncAnswer{
		"s1": {{0, 200, oneMessage("s2", "one")}},
		"s2": {{time.Second, 200, oneMessage("s3", large)}, {0, 200, oneMessage("s4", large+"and more")}},
	}}
	inObservation(t, script, func(t *testing.T, c *endpoint.Conn) {
		var got observed
		read := got.deliver(t, func() {})
		calls := 0
		o, err := c.Observe(t.Context(), registration("s1"), func(resp *endpoint.Response) error {
			if calls++; calls == 2 {
				return nil // goes away after the first block
			}
			return read(resp)
		})
		require.NoError(t, err)
		time.Sleep(10 * time.Minute) // virtual
		synctest.Wait()
		assert.Equal(t, []string{
			"2.05 " + oneMessage("s2", "one"),
			"2.05 " + oneMessage("s4", large+"and more"),
		}, got.got())
		assert.Equal(t, []string{"s1 0 Bearer tok", "s2 30000 Bearer tok", "s2 30000 Bearer tok", "s4 30000 Bearer tok"}, script.questions())
		require.NoError(t, o.Cancel(t.Context()))
	})
}

// Blocks of notifications are told apart by an entity-tag, also where only the observer
// wants small ones.
func TestObservedSyncInSmallBlocks(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s1": {{0, 200, oneMessage("s2", "one")}},
		"s2": {{time.Second, 200, oneMessage("s3", strings.Repeat("news ", 30))}},
		"s3": {{time.Second, 200, oneMessage("s4", strings.Repeat("more ", 30))}},
	}}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var tags []string
		l := serve(t, &coap.Server{Handler: script}, func(from string, datagram []byte) {
			m, err := endpoint.ParseMessage(datagram)
			assert.NoError(t, err)
			if b, ok := m.Options.GetUint(endpoint.Block2); from == "server" && ok && b>>4 == 0 {
				tag, has := m.Options.Get(endpoint.ETag)
				mu.Lock()
				tags = append(tags, fmt.Sprintf("%x %v", tag, has))
				mu.Unlock()
			}
		})
		nc, err := l.Dial(t.Context())
		require.NoError(t, err)
		profile := link.Default()
		profile.BlockSize = 64
		c := endpoint.New(nc, endpoint.Config{Profile: profile})
		var got observed
		o, err := c.Observe(t.Context(), registration("s1"), got.deliver(t, func() {}))
		require.NoError(t, err)
		time.Sleep(time.Minute) // virtual
		require.NoError(t, o.Cancel(t.Context()))
		require.NoError(t, c.Close())
		c.Wait()
		assert.Len(t, got.got(), 3)
		mu.Lock()
		assert.Equal(t, []string{" false", "01 true", "02 true"}, tags, "the first answer is whole")
		mu.Unlock()
	})
}

// Polls for an observer are made in the name of the peer, like its own requests:
// homeservers limit rates by it.
func TestObservedSyncNamesThePeer(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"s1": {{0, 200, oneMessage("s2", "one")}},
		"s2": {{time.Second, 200, oneMessage("s3", "two")}},
	}}
	var named []bool
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, ok := coap.PeerFrom(r.Context())
		script.mu.Lock()
		named = append(named, ok)
		script.mu.Unlock()
		script.ServeHTTP(w, r)
	})
	inObservation(t, h, func(t *testing.T, c *endpoint.Conn) {
		var got observed
		o, err := c.Observe(t.Context(), registration("s1"), got.deliver(t, func() {}))
		require.NoError(t, err)
		time.Sleep(10 * time.Second) // virtual
		synctest.Wait()
		script.mu.Lock()
		assert.Equal(t, []bool{true, true, true}, named)
		script.mu.Unlock()
		require.NoError(t, o.Cancel(t.Context()))
	})
}

// Key counts that were sent and not fetched are still news.
func TestObservedCountsNotFetched(t *testing.T) {
	counts := `{"next_batch":"s3","device_unused_fallback_key_types":["` + strings.Repeat("x", 3000) + `"]}`
	script := &syncScript{answers: map[string][]syncAnswer{
		"s1": {{0, 200, oneMessage("s2", "one")}},
		"s2": {{time.Second, 200, counts}, {0, 200, counts}},
	}}
	inObservation(t, script, func(t *testing.T, c *endpoint.Conn) {
		var got observed
		read := got.deliver(t, func() {})
		calls := 0
		o, err := c.Observe(t.Context(), registration("s1"), func(resp *endpoint.Response) error {
			if calls++; calls == 2 {
				return nil // goes away after the first block
			}
			return read(resp)
		})
		require.NoError(t, err)
		time.Sleep(10 * time.Minute) // virtual
		synctest.Wait()
		assert.Equal(t, []string{"2.05 " + oneMessage("s2", "one"), "2.05 " + counts}, got.got())
		require.NoError(t, o.Cancel(t.Context()))
	})
}
