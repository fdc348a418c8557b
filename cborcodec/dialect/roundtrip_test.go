package dialect

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// TestCorpus sends every recorded request and response.
func TestCorpus(t *testing.T) {
	for _, home := range []string{recordedHome, "", "example.org"} {
		c := New(home, cborcodec.Limits{})
		for _, e := range corpus(t) {
			if home != recordedHome && e.Session != "bs0" && e.Session != "d0" {
				continue
			}
			want := e.request()
			payload, err := c.AppendRequest(nil, &want, nil)
			require.NoError(t, err)
			var got Request
			require.NoError(t, c.DecodeRequest(&got, payload, nil), "%s %x", want.Target, payload)
			requireRequest(t, want, got)
			payload, err = c.AppendBody(nil, e.Resp, nil)
			require.NoError(t, err)
			back, err := c.AppendJSON(nil, payload, nil)
			require.NoError(t, err)
			require.Equal(t, string(plain(t, e.Resp)), string(back))
		}
	}
}

func requireRequest(t testing.TB, want, got Request) {
	require.Equal(t, want.Method, got.Method)
	require.Equal(t, want.Target, got.Target)
	require.Equal(t, want.Body == nil, got.Body == nil)
	if want.Body != nil {
		require.Equal(t, string(plain(t, want.Body)), string(got.Body))
	}
}

// plain is what version 1 makes of a JSON text: the same without white space and
// with no more escapes than needed.
func plain(t testing.TB, text []byte) []byte {
	v1 := cborcodec.V1(cborcodec.Limits{})
	item, err := v1.AppendCBOR(nil, text)
	require.NoError(t, err)
	back, err := v1.AppendJSON(nil, item)
	require.NoError(t, err)
	return bytes.Clone(back)
}
