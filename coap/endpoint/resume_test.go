package endpoint

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestDownloadResumes: the link is dead for longer than the client asks, its caller
// asks again, and the transfer goes on at the block where it stopped.
func TestDownloadResumes(t *testing.T) {
	const size = 100_000
	tests := []struct {
		name    string
		dead    func(p link.Profile) time.Duration // after the client gave up
		resumed bool
	}{
		{"in time", func(link.Profile) time.Duration { return 10 * time.Second }, true},
		{"the client has forgotten", func(p link.Profile) time.Duration { return p.MaxTransmitWait() + time.Second }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := link.ByName("gprs")
			air := linkemu.FromProfile(p, 1)
			air.Up.Burst, air.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
			var executed atomic.Int32
			h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
				executed.Add(1)
				return serveBody(size)(ctx, r)
			})
			overLink(t, p, air, h, func(t *testing.T, client, _ *Conn, l *linkemu.Link) {
				modem := client.nc.(*connected)
				resp, err := client.Do(t.Context(), get("body"))
				require.NoError(t, err)
				time.Sleep(10 * time.Second) // half of it
				modem.dead.Store(true)
				half, err := io.ReadAll(resp.Body)
				require.ErrorIs(t, err, ErrTimeout)
				require.Greater(t, len(half), size/3)
				require.NoError(t, resp.Body.(io.Closer).Close())

				_, err = client.Do(t.Context(), get("body"))
				require.ErrorIs(t, err, ErrTimeout, "and is parked again")
				time.Sleep(tt.dead(p))
				modem.dead.Store(false)
				before := l.Stats().Down.Datagrams
				resp, err = client.Do(t.Context(), get("body"))
				require.NoError(t, err)
				require.Equal(t, Content, resp.Code)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.True(t, bytes.Equal(testBody(size), got))
				blocks := l.Stats().Down.Datagrams - before
				if tt.resumed {
					assert.EqualValues(t, 1, executed.Load())
					assert.Less(t, blocks*int64(p.BlockSize), int64(size*2/3))
				} else {
					assert.EqualValues(t, 2, executed.Load())
				}
				synctest.Wait()
				assert.Empty(t, client.parked)
			})
		})
	}
}
