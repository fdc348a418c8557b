package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/internal/corpus"
)

const root = "../.."

// Names of the recorded server and of servers that are held out must not reach a model.
func TestNoNamesAreLearned(t *testing.T) {
	learned, err := trainingMessages(root)
	require.NoError(t, err)
	names, err := corpus.HeldOutServers(root)
	require.NoError(t, err)
	require.Greater(t, len(names), 1)
	names = append(names, corpus.RecordedServer)
	sources := map[int]bool{}
	for _, m := range learned {
		sources[m.Source] = true
		for _, name := range names {
			require.NotContains(t, string(m.Payload), name)
		}
	}
	assert.Greater(t, len(sources), parts)
}

// Both ends of a session understand each other, whether the client asks or is told.
func TestHeldMessages(t *testing.T) {
	asking, err := heldMessages(root, false)
	require.NoError(t, err)
	told, err := heldMessages(root, true)
	require.NoError(t, err)
	assert.Less(t, len(told), len(asking)-500, "requests that are not needed")
}

func TestVariation(t *testing.T) {
	const line = `"@ingrid:chat.nordlicht-verein.org" "$2TykKj3o8RzaQdO9zuJE8zzms1VJMtIwaSEGB-5ZfSA" 1795328234996 "/_matrix/client/v3/sync"`
	a, b := variation{"a"}, variation{"b"}
	assert.Equal(t, a.apply(line), a.apply(line))
	assert.NotEqual(t, a.apply(line), b.apply(line))
	for _, word := range []string{"ingrid", corpus.RecordedServer, "2TykKj3o8R", "1795328234996"} {
		assert.NotContains(t, a.apply(line), word)
	}
	assert.Contains(t, a.apply(line), `"/_matrix/client/v3/sync"`)
}

// The model in the binary is about as good as docs/wire-v2-coder.md says.
func TestMeasure(t *testing.T) {
	model, err := coder.Shipped()
	require.NoError(t, err)
	every, err := heldMessages(root, false)
	require.NoError(t, err)
	var all []message
	for i := 0; i < len(every); i += 19 { // a sample, since the race detector is slow
		if len(every[i].payload) < 1000 {
			all = append(all, every[i])
		}
	}
	rows := measureTable(coder.New(model, 1), all)
	total := rows[len(rows)-1]
	assert.Equal(t, len(all), total.n)
	assert.LessOrEqual(t, total.best, min(total.raw, total.deflate, total.mixing))
	for i, most := range []float64{0.60, 0.60, 0.45} {
		assert.Less(t, float64(rows[i].best), most*float64(rows[i].raw), "payloads below %d B", sizeClasses[i])
	}
	var b strings.Builder
	require.NoError(t, printTable(&b, rows))
	assert.Len(t, strings.Split(strings.TrimSpace(b.String()), "\n"), len(rows)+1)
}
