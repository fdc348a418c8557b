package gateway

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestStationGrantsLinks: without Slowest every link is granted, with it those that are
// no slower. The others are served too, under the times of the slowest.
func TestStationGrantsLinks(t *testing.T) {
	hf, ok := link.ByName("hf-s5066-75")
	require.True(t, ok)
	vsat, ok := link.ByName("geo-vsat")
	require.True(t, ok)
	for _, tt := range []struct {
		name          string
		slowest, told link.Profile
		refused       bool
	}{
		{"all", link.Profile{}, hf, false},
		{"slowest", hf, hf, false},
		{"faster", hf, vsat, false},
		{"slower", vsat, hf, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				l := linkemu.New(linkemu.Config{})
				defer l.Close()
				requests := 0
				station := &Station{
					Profile: link.Default(), Slowest: tt.slowest, Log: slog.New(slog.NewTextHandler(&log, nil)),
					Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }),
				}
				ctx, stop := context.WithCancel(t.Context())
				served := make(chan error)
				go func() { served <- station.Run(ctx, l.Listen()) }()

				d := &Dialer{Routes: emulatedRoute(l, "192.0.2.1:1"), Profile: tt.told}
				transport := &coap.Transport{Dial: d.Dial, Profile: tt.told}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "coap://far/_matrix/client/v3/x", nil)
				require.NoError(t, err)
				resp, err := transport.RoundTrip(r)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.NoError(t, transport.Close())
				stop()
				require.NoError(t, <-served)
				assert.Equal(t, 1, requests)
				assert.Equal(t, tt.refused, bytes.Contains(log.Bytes(), []byte("a link asks for more than is granted")))
			})
		})
	}
}

// The key of marks belongs to an identity and its pre-shared key, which it does not show.
func TestStreamKey(t *testing.T) {
	psks := keys.PSKs{"a": keys.Key("0123456789abcdef"), "b": keys.Key("0123456789abcdee")}
	s := &Station{Security: &dtls.Config{Keys: psks.Lookup}}
	a := s.streamKey("a")
	assert.Len(t, a, 32)
	assert.Equal(t, a, s.streamKey("a"))
	assert.NotEqual(t, a, s.streamKey("b"))
	assert.NotContains(t, string(a), string(psks["a"]))
	assert.Nil(t, s.streamKey("c"))
	assert.Nil(t, (&Station{}).streamKey("a"))
}
