package lasting

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestAnswersOfAnEarlierLife: what the client asked before it died is answered after
// it is back, and none of it reaches those who ask then.
func TestAnswersOfAnEarlierLife(t *testing.T) {
	for _, crash := range []bool{false, true} {
		inWorld(t, linkemu.Config{}, func(w *world) {
			for round := range 6 {
				if round == 0 {
					w.must("GET", "alice")
					w.must("GET", "bob")
				}
				for range 20 {
					go w.ask("GET", "alice", 20*time.Second)
				}
				time.Sleep(5 * time.Second)
				w.restartClient(crash)
				done := make(chan outcome, 20)
				for range 20 { // for each one of these, one of alice's is answered meanwhile
					go func() {
						_, o := w.ask("GET", "bob", 30*time.Second)
						done <- o
					}()
				}
				for range 20 {
					o := <-done
					require.NoError(w.t, o.err)
					require.Equal(w.t, http.StatusOK, o.status)
				}
			}
			assert.Equal(w.t, 1, w.numbers.handshakes())
			assert.Empty(w.t, w.faults())
		})
	}
}
