package lasting

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestServerDiesWhileClientsWait: the server has acknowledged requests that the
// homeserver takes long to answer, and dies or stops. What may be repeated is, without
// the client's doing, and answered by the server's next life; of a POST its user learns
// that it may have been carried out.
func TestServerDiesWhileClientsWait(t *testing.T) {
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprint("crash ", crash), func(t *testing.T) {
			inWorld(t, linkemu.Config{}, func(w *world) {
				const takes = 30 * time.Second
				w.must("GET", "alice")
				answered := make(map[string]chan outcome)
				for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost} {
					answered[method] = make(chan outcome, 1)
					go func() {
						_, o := w.ask(method, "alice", takes)
						answered[method] <- o
					}()
				}
				time.Sleep(10 * time.Second) // they are acknowledged by then
				w.restart("server", crash)
				time.Sleep(10 * time.Second)
				assert.Equal(w.t, 100*time.Millisecond, w.must("GET", "bob").took, "nobody waits for those who wait")
				limit := w.profile.MaxTransmitWait() + time.Second
				for _, method := range []string{http.MethodGet, http.MethodPut} {
					o := <-answered[method]
					assert.NoError(w.t, o.err, method)
					assert.Equal(w.t, http.StatusOK, o.status, method)
					assert.LessOrEqual(w.t, o.took, limit+takes, method)
				}
				o := <-answered[http.MethodPost]
				assert.NotEqual(w.t, http.StatusOK, o.status)
				assert.LessOrEqual(w.t, o.took, limit)
				assert.Equal(w.t, 1, w.numbers.handshakes())
				assert.Empty(w.t, w.faults())
			})
		})
	}
}
