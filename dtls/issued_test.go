package dtls

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/keys"
)

// issued is a moment at which certificates of tests are valid in virtual time,
// which begins in the year 2000.
func issued() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

func selfSigned(t *testing.T, alg keys.Algorithm, names ...string) keys.Pair {
	t.Helper()
	p, err := keys.NewSelfSigned(alg, names, issued())
	require.NoError(t, err)
	return p
}

func withCertificate(cfg Config, c tls.Certificate) Config {
	cfg.Certificates = []tls.Certificate{c}
	return cfg
}
