package coder_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
)

// TestAlone: a coder that works in the model itself codes like those that share one, whatever
// came before, broken codes and long payloads included.
func TestAlone(t *testing.T) {
	m, err := coder.Shipped()
	require.NoError(t, err)
	alone, shared, policy := coder.NewAlone(m), newCoder(t), policies[coder.Mixing]
	for round := range 3 {
		for _, payload := range []string{
			event, noise(300), strings.Repeat(event, 60), event + noise(8000) + event, "", "secret", noise(20000), event,
		} {
			prelude := []byte{byte(round)}
			code := shared.AppendCoded(nil, prelude, []byte(payload), policy)
			require.Equal(t, code, alone.AppendCoded(nil, prelude, []byte(payload), policy))
			broken := append([]byte{byte(coder.Mixing)}, noise(len(payload)/2+1)...)
			want, wantErr := shared.AppendDecoded(nil, nil, broken, 1000)
			got, gotErr := alone.AppendDecoded(nil, nil, broken, 1000)
			require.Equal(t, want, got)
			require.Equal(t, wantErr, gotErr)
			decoded, err := alone.AppendDecoded(nil, prelude, code, len(payload))
			require.NoError(t, err)
			require.Equal(t, payload, string(decoded))
			require.Equal(t, shared.Cost(prelude, []byte(event)), alone.Cost(prelude, []byte(event)))
		}
	}
	assert.Panics(t, func() { coder.New(m, 1) }, "the model has an owner")
	assert.Panics(t, func() { coder.NewAlone(m) })
}
