package endpoint

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestBulkFillsThePath: bodies take little more than their airtime and the round
// trip, on a session that is warm.
func TestBulkFillsThePath(t *testing.T) {
	tests := []struct {
		profile  string
		bytes    int
		down, up time.Duration // at most
	}{
		{"geo-vsat", 181_000, 1200 * time.Millisecond, 2500 * time.Millisecond},
		{"geo-vsat", 10 << 20, 12 * time.Second, 100 * time.Second},
		{"leo-broadband", 181_000, 100 * time.Millisecond, 200 * time.Millisecond},
		{"leo-broadband", 10 << 20, 1600 * time.Millisecond, 8 * time.Second},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.profile, test.bytes), func(t *testing.T) {
			p, _ := link.ByName(test.profile)
			h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
				if r.Code == PUT {
					return takeBody(ctx, r)
				}
				return serveBody(test.bytes)(ctx, r)
			})
			overLink(t, p, linkemu.FromProfile(p, 1), h, func(t *testing.T, client, _ *Conn, l *linkemu.Link) {
				require.NoError(t, client.Ping(t.Context()))
				down, up := fetchBody(t, client, test.bytes), sendBody(t, client, test.bytes)
				t.Logf("%d B down in %v, up in %v", test.bytes, down, up)
				assert.Less(t, down, test.down)
				assert.Less(t, up, test.up)
				assert.Zero(t, l.Stats().Up.Dropped+l.Stats().Down.Dropped)
			})
		})
	}
}
