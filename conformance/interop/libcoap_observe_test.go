package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// syncScript is a homeserver whose /sync goes through a script: batch 0 answers a
// request without since, batch n+1 one since batch n. After the last batch a poll
// hangs.
type syncScript struct {
	*httptest.Server
	batches []string      // JSON of "rooms"
	hanging chan string   // a poll after the last batch, and its Authorization
	ended   chan struct{} // a hanging poll was cut off
}

func startSyncScript(t *testing.T, batches ...string) *syncScript {
	s := &syncScript{batches: batches, hanging: make(chan string, 16), ended: make(chan struct{}, 16)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *syncScript) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := 0
	if since := r.URL.Query().Get("since"); since != "" {
		if _, err := fmt.Sscanf(since, "batch%d", &n); err != nil {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		n++
	}
	if n >= len(s.batches) {
		s.hanging <- r.Header.Get("Authorization")
		<-r.Context().Done()
		s.ended <- struct{}{}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, s.answer(n))
}

// answer is the JSON of batch n.
func (s *syncScript) answer(n int) string {
	if s.batches[n] == "" {
		return fmt.Sprintf(`{"next_batch":"batch%d"}`, n)
	}
	return fmt.Sprintf(`{"next_batch":"batch%d","rooms":%s}`, n, s.batches[n])
}

// roomsWith is the JSON of "rooms" with one message of that length.
func roomsWith(n int) string {
	return `{"join":{"!r:h":{"timeline":{"events":[{"type":"m.room.message","content":{"body":"` + strings.Repeat("x", n) + `"}}]}}}}`
}

// receive waits for an item of a channel.
func receive[T any](t *testing.T, c <-chan T, what string) (item T) {
	t.Helper()
	select {
	case item = <-c:
	case <-time.After(patience):
		require.FailNow(t, "nothing arrives", "%s", what)
	}
	return item
}

// Each batch arrives once and in order, small ones and those of several blocks; a
// batch with nothing in it is not sent (RFC 7641 §4.2, RFC 7959 §3.4).
func TestLibcoapObservesSync(t *testing.T) {
	for _, variant := range libcoapCredentials() {
		t.Run(variant.name, func(t *testing.T) {
			t.Parallel()
			h := startSyncScript(t, roomsWith(5), "", roomsWith(3000), roomsWith(10), "", roomsWith(20_000), roomsWith(7))
			s := startServe(t, h.Server)
			client := start(t, debian(t, "coap-client-"+variant.tls), append(variant.args(s),
				"-s", "600", "-w", "-A", "50", "-O", "256,secret", "coaps://"+s.addr+"/7?timeout=30000")...)
			// coap-client ends the line only after a notification of one block.
			client.Await(`"batch6"`)
			printed := json.NewDecoder(strings.NewReader(client.Printed()))
			for _, n := range []int{0, 2, 3, 5, 6} {
				var got json.RawMessage
				require.NoError(t, printed.Decode(&got))
				assert.JSONEq(t, h.answer(n), string(got))
			}
			assert.Equal(t, "Bearer secret", receive(t, h.hanging, "the poll after the last batch"))
			// A client that ends takes its poll with it: its close_notify ends the
			// session.
			stop(t, client)
			receive(t, h.ended, "the end of the poll")
		})
	}
}

// When its time is over, the client deregisters (RFC 7641 §3.6) and closes the
// session at once; the poll at the homeserver ends.
func TestLibcoapCancelsObservation(t *testing.T) {
	for _, variant := range libcoapVariants() {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			h := startSyncScript(t, roomsWith(5))
			s := startServe(t, h.Server)
			client := start(t, debian(t, "coap-client-"+variant), "-u", pskIdentity, "-k", pskKey,
				"-s", "3", "-w", "-A", "50", "coaps://"+s.addr+"/_matrix/client/v3/sync")
			client.Await(`"batch0"`)
			receive(t, h.hanging, "the poll after the first batch")
			receive(t, h.ended, "the end of the poll")
			receive(t, client.Ended, "the end of the client")
		})
	}
}

// What is not /sync is answered without observation.
func TestLibcoapObservesSomethingElse(t *testing.T) {
	h := startHomeserver(t)
	s := startServe(t, h.Server)
	client := start(t, debian(t, "coap-client-openssl"), "-u", pskIdentity, "-k", pskKey, "-v", "7",
		"-s", "1", "-A", "50", "coaps://"+s.addr+"/0")
	response := client.Await("c:2.05")
	assert.NotContains(t, response, "Observe")
	assert.Equal(t, http.MethodGet, h.take().Method)
}
