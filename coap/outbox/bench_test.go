package outbox

import (
	"context"
	"net/http"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/session/boltstore"
)

// instant is a Base that answers at once.
type instant struct{}

func (instant) RoundTrip(r *http.Request) (*http.Response, error) {
	return reply(200, `{"event_id":"$1234567890123456789012345678901234567890123"}`), nil
}

// BenchmarkRoundTrip shows what a message costs on its way through the outbox: one after
// the other, and from many rooms at once.
func BenchmarkRoundTrip(b *testing.B) {
	disk := func(b *testing.B) session.Store {
		s, err := boltstore.Open(filepath.Join(b.TempDir(), "state"), make([]byte, boltstore.KeySize))
		require.NoError(b, err)
		b.Cleanup(func() { _ = s.Close() })
		return s
	}
	memory := func(*testing.B) session.Store { return &session.Memory{} }
	for _, tt := range []struct {
		name  string
		store func(*testing.B) session.Store
		rooms int
	}{{"memory", memory, 1}, {"disk", disk, 1}, {"disk, 32 rooms", disk, 32}} {
		b.Run(tt.name, func(b *testing.B) {
			tr := &Transport{Base: instant{}, Store: tt.store(b)}
			require.NoError(b, tr.Start())
			defer tr.Close()
			var n atomic.Int64
			one := func() {
				i := int(n.Add(1))
				r, err := http.NewRequestWithContext(context.Background(), "PUT", "coap://gateway"+room(strconv.Itoa(i%tt.rooms), i), http.NoBody)
				if err == nil {
					r.Header.Set("Authorization", "Bearer token")
					_, err = tr.RoundTrip(r)
				}
				if err != nil {
					b.Error(err)
				}
			}
			b.ReportAllocs()
			if tt.rooms == 1 {
				for b.Loop() {
					one()
				}
				return
			}
			b.SetParallelism(tt.rooms)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one()
				}
			})
		})
	}
}
