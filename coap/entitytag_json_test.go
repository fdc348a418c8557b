package coap

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestEntityTagOfWhatArrives: whatever JSON a homeserver writes, the client computes the
// tag that the server computes.
func TestEntityTagOfWhatArrives(t *testing.T) {
	m := NewMapping(MappingConfig{})
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.MapOf(rapid.String(), rapid.OneOf(
			rapid.Custom(func(t *rapid.T) any { return rapid.String().Draw(t, "s") }),
			rapid.Custom(func(t *rapid.T) any { return rapid.Float64().Draw(t, "f") }),
			rapid.Custom(func(t *rapid.T) any { return rapid.Int64().Draw(t, "i") }),
		)).Draw(t, "value")
		indent := rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "indent")
		body, err := json.MarshalIndent(value, indent, indent)
		require.NoError(t, err)
		want, ok := EntityTag("application/json", body)
		require.True(t, ok)
		resp, err := m.EncodeResponse(200, http.Header{"Content-Type": {"application/json"}}, body, PeerGateway)
		require.NoError(t, err)
		r, err := http.NewRequest("GET", "/", nil)
		require.NoError(t, err)
		arrived, err := m.decodeResponse(resp, r, PeerGateway)
		require.NoError(t, err)
		text, err := io.ReadAll(arrived.Body)
		require.NoError(t, err)
		got, ok := EntityTag("application/json", text)
		require.True(t, ok)
		require.Equal(t, want, got)
	})
}

// FuzzParseTag: only what EntityTag makes is a tag.
func FuzzParseTag(f *testing.F) {
	f.Add(`W/"coapgw-01234567"`)
	f.Add(`W/"coapgw-0123456"`)
	f.Fuzz(func(t *testing.T, validator string) {
		tag, ok := parseTag(validator)
		if ok {
			require.Len(t, tag, tagSize)
			require.Len(t, validator, len(tagPrefix)+2*tagSize+len(tagSuffix))
		}
	})
}
