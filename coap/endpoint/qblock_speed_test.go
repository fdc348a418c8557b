package endpoint

import (
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
		profile string
		bytes   int
		most    time.Duration
	}{
		{"geo-vsat", 181_000, 1200 * time.Millisecond},
		{"geo-vsat", 10 << 20, 12 * time.Second},
		{"leo-broadband", 181_000, 150 * time.Millisecond},
		{"leo-broadband", 10 << 20, 1600 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.profile, func(t *testing.T) {
			p, _ := link.ByName(test.profile)
			for seed := range uint64(2) {
				overLink(t, p, linkemu.FromProfile(p, seed+1), serveBody(test.bytes), func(t *testing.T, client, _ *Conn, l *linkemu.Link) {
					require.NoError(t, client.Ping(t.Context()))
					took := fetchBody(t, client, test.bytes)
					s := l.Stats()
					t.Logf("%d B in %v: %d up, %d down, %d lost, %d dropped", test.bytes, took, s.Up.Datagrams, s.Down.Datagrams, s.Down.Lost, s.Down.Dropped)
					assert.Less(t, took, test.most)
				})
			}
		})
	}
}
