package coap_test

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
)

// exampleBytes are the messages of the example in docs/wire-v1.md.
func exampleBytes(t *testing.T) (messages [][]byte) {
	text, err := os.ReadFile("../docs/wire-v1.md")
	require.NoError(t, err)
	_, example, ok := strings.Cut(string(text), "**Example.** Alice's device")
	require.True(t, ok)
	example, _, ok = strings.Cut(example, "**What fits a frame.**")
	require.True(t, ok)
	for _, line := range regexp.MustCompile(`(?m)^    ( *)((?:[0-9a-f]+ )*[0-9a-f]+) {2,}\S`).FindAllStringSubmatch(example, -1) {
		b, err := hex.DecodeString(strings.ReplaceAll(line[2], " ", ""))
		require.NoError(t, err, line[2])
		if line[1] == "" { // a message begins at the margin
			messages = append(messages, nil)
		}
		messages[len(messages)-1] = append(messages[len(messages)-1], b...)
	}
	return messages
}

// The example of docs/wire-v1.md is what goes over the link, to the byte; only the message
// ID that serve chooses is another one.
func TestStreamExample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		example := exampleBytes(t)
		require.Len(t, example, 4)
		h := &exampleHomeserver{say: make(chan struct{})}
		nc, err := serve(t, &coap.Server{Handler: h}, nil).Dial(t.Context())
		require.NoError(t, err)
		read := func() []byte {
			b := make([]byte, 1500)
			n, err := nc.Read(b)
			require.NoError(t, err)
			return b[:n]
		}
		_, err = nc.Write(example[0])
		require.NoError(t, err)
		assert.Equal(t, hex.EncodeToString(example[1]), hex.EncodeToString(read()))
		h.say <- struct{}{}
		notification := read()
		id := notification[2:4]
		assert.Equal(t, hex.EncodeToString(example[2]), strings.Replace(hex.EncodeToString(notification), hex.EncodeToString(id), hex.EncodeToString(example[2][2:4]), 1))
		_, err = nc.Write(append([]byte{0x60, 0}, id...))
		require.NoError(t, err)
		assert.Equal(t, []byte{0x60, 0}, example[3][:2])
		assert.Equal(t, example[2][2:4], example[3][2:])
		time.Sleep(time.Hour) // nothing more: it was acknowledged
		synctest.Wait()
		require.NoError(t, nc.Close())
	})
}
