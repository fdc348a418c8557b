package profiles

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestStatusIsTrue: what a Transport tells of a first sync over each of some links, with
// their losses, is what happens: the bytes on the air, and how long it still takes.
func TestStatusIsTrue(t *testing.T) {
	for _, name := range []string{"geo-vsat", "iridium-2400", "nbiot-ce2", "meshtastic-lf", "hf-vara500"} {
		t.Run(name, func(t *testing.T) {
			p, ok := link.ByName(name)
			require.True(t, ok)
			inWorld(t, p, linkemu.FromProfile(p, 1), func(w *world) {
				t := w.T
				get := func(target string) {
					answer := httptest.NewRecorder()
					w.Connect.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", target, nil))
					require.Equal(t, http.StatusOK, answer.Code)
					_, err := io.Copy(io.Discard, answer.Body)
					require.NoError(t, err)
				}
				get("/_matrix/client/versions")
				w.settle()
				air, told := w.Link.Stats(), w.Transport.Status()

				begun, done := time.Now(), make(chan struct{})
				go func() { defer close(done); get(lazySync) }()
				type estimate struct{ at, left time.Duration }
				var estimates []estimate
				for looking := true; looking; {
					select {
					case <-done:
						looking = false
						continue
					case <-time.After(200 * time.Millisecond):
					}
					s := w.Transport.Status()
					if len(s.Sessions) == 0 || len(s.Sessions[0].Transfers) == 0 {
						continue
					}
					tr := s.Sessions[0].Transfers[0]
					assert.Equal(t, "/_matrix/client/v3/sync", tr.Route)
					assert.False(t, tr.Sending)
					if tr.Total > 0 && tr.Done > tr.Total/4 && tr.Done < tr.Total*3/4 {
						estimates = append(estimates, estimate{time.Since(begun), tr.Left})
					}
				}
				took := time.Since(begun)
				if took > 5*time.Second {
					require.NotEmpty(t, estimates)
				}
				worst := 1.0
				for _, e := range estimates {
					left := took - e.at
					worst = max(worst, float64(e.left)/float64(left), float64(left)/float64(e.left))
				}
				t.Logf("took %v, the estimates in its middle were wrong by up to a factor of %.2f", took, worst)
				assert.Less(t, worst, 2.5)

				w.settle()
				after, s := w.Link.Stats(), w.Transport.Status()
				assertNear(t, after.Up.Bytes-air.Up.Bytes, s.Total.Sent.LinkBytes-told.Total.Sent.LinkBytes, "bytes up")
				arrived := after.Down.Datagrams - air.Down.Datagrams - (after.Down.Lost - air.Down.Lost) - (after.Down.Dropped - air.Down.Dropped)
				assert.EqualValues(t, arrived, s.Total.Received.Datagrams-told.Total.Received.Datagrams, "datagrams down")
				if p.RateUp > 0 {
					busy := after.Up.Busy - air.Up.Busy
					assert.InEpsilon(t, busy.Seconds(), (s.Total.Sent.Airtime - told.Total.Sent.Airtime).Seconds(), 0.2, "airtime up")
				}
				assert.Empty(t, s.Sessions[0].Transfers)
				assert.Zero(t, s.UnderWay)
			})
		})
	}
}

// assertNear: whole packets of both counts, of which one takes the record to be as long in
// both directions.
func assertNear(t *testing.T, want int64, got uint64, what string) {
	t.Helper()
	assert.InEpsilon(t, want, got, 0.03, what)
}
