package train_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/coder/train"
)

// messages are texts in maps, of four groups that share some.
func messages() []train.Message {
	var all []train.Message
	for i := range 120 {
		text := fmt.Sprintf("station %d reports wind and sea as before", i%7)
		only := fmt.Sprintf("only group %d says this", i%4)
		payload := fmt.Sprintf("\xa2\x05%c%s\x06%c%s", 0x60|len(only), only, 0x78, string(rune(len(text)))+text)
		all = append(all, train.Message{Group: i % 4, Source: i % 4, Prelude: []byte{1}, Payload: []byte(payload)})
	}
	return all
}

func TestTrain(t *testing.T) {
	packed, err := train.Train(messages())
	require.NoError(t, err)
	m, err := coder.Load(packed)
	require.NoError(t, err)
	c := coder.New(m, 1)
	size := func(payload string) int {
		return len(c.AppendCoded(nil, []byte{1}, []byte(payload), coder.Policy{Mixing: coder.MaxMixing}))
	}
	shared := "station 3 reports wind and sea as before"
	assert.Less(t, size("\xa1\x06\x78"+string(rune(len(shared)))+shared), len(shared)*3/4)

	deflated := c.AppendCoded(nil, nil, []byte(shared), coder.Policy{Deflate: math.MaxInt})
	assert.Less(t, len(deflated), len(shared)*3/4)

	again, err := train.Train(messages())
	require.NoError(t, err)
	assert.Equal(t, packed, again)
}

func TestTrainOnNothing(t *testing.T) {
	packed, err := train.Train(nil)
	require.NoError(t, err)
	_, err = coder.Load(packed)
	require.NoError(t, err)
}

// What only one group says may be a name: the dictionary must not spread it.
func TestDictionary(t *testing.T) {
	d := string(train.Dictionary(messages(), 1000))
	assert.LessOrEqual(t, len(d), 1000)
	assert.Contains(t, d, "reports wind and sea as before")
	for group := range 4 {
		assert.NotContains(t, d, fmt.Sprintf("group %d says", group))
	}
	assert.Less(t, strings.Count(d, "and sea as"), 4, "of 120")
	assert.Empty(t, train.Dictionary(nil, 1000))
}
