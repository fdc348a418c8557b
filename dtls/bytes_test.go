package dtls

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flights returns the sizes of the datagrams in a log, in bytes of UDP payload:
// positive upwards, negative downwards.
func flights(log []sent) (sizes []int) {
	for _, d := range log {
		if d.to == serverAddress {
			sizes = append(sizes, len(d.data))
		} else {
			sizes = append(sizes, -len(d.data))
		}
	}
	return sizes
}

// The handshakes are exact: a byte more is a regression, a byte less is to be
// written down. The identity has 8 bytes. Of the untrimmed totals in
// PROTOCOL.md, 497 B with ECDHE and 401 B without, 40 B are gone.
func TestHandshakeBytesPSK(t *testing.T) {
	for _, tc := range []struct {
		suite   Suite
		rate    float64
		flights []int
	}{
		{ECDHEPSKWithChaCha20, 0, []int{88, -164, 138, -67}},
		{PSKWithChaCha20, 75, []int{80, -101, 105, -67}},
	} {
		t.Run(tc.suite.String(), func(t *testing.T) {
			server := serverConfig()
			server.Meter = &Meter{}
			in(t, time.Millisecond, server, func(t *testing.T, w *world) {
				cfg := clientConfig()
				cfg.Profile.RateUp, cfg.Meter = tc.rate, &Meter{}
				client, served := w.connect(clientAddress, cfg)
				require.Equal(t, tc.suite, client.Info().Suite)
				assert.Equal(t, tc.flights, flights(w.net.sentLog()))

				carries(t, client, served, "not of the handshake")
				f := tc.flights
				up, down := Traffic{2, uint64(f[0] + f[2])}, Traffic{2, uint64(-f[1] - f[3])}
				assert.Equal(t, []Traffic{up, down, down, up}, []Traffic{cfg.Meter.Sent(), cfg.Meter.Received(), server.Meter.Sent(), server.Meter.Received()})
			})
		})
	}
}

// A record costs the same with all suites of the two coapgw: 2 bytes of
// Connection ID and 1 of content type upwards, nothing of the kind downwards.
func TestRecordOverhead(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		assert.Equal(t, 32, client.Overhead())
		assert.Equal(t, 29, server.Overhead())
		w.net.sentLog()
		for _, n := range []int{1, 7, 100, 1024} {
			_, err := client.Write(make([]byte, n))
			require.NoError(t, err)
			_, err = server.Write(make([]byte, n))
			require.NoError(t, err)
			assert.Equal(t, []int{32 + n, -29 - n}, flights(w.net.sentLog()))
		}
	})
}
