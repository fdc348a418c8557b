package dialect

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// TestQueryIsText: keys and values that are no UTF-8 are refused. Nobody writes them: such a query travels
// as it is.
func TestQueryIsText(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	for name, payload := range map[string]string{"key": "008261ff6161", "key without a value": "008261fff6", "value": "0082616161ff"} {
		b, err := hex.DecodeString(payload)
		require.NoError(t, err)
		var r Request
		require.ErrorIs(t, codec.DecodeRequest(&r, b, nil), errContent, name)
	}
	for _, query := range []string{"%ff=a", "a=%ff", "%ff"} {
		r := Request{Method: "GET", Target: "/_matrix/client/v3/sync?" + query}
		payload, err := codec.AppendRequest(nil, &r, nil)
		require.NoError(t, err)
		var got Request
		require.NoError(t, codec.DecodeRequest(&got, payload, nil))
		requireRequest(t, r, got)
	}
}
