package budgets

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestPacketsRepeat: not only the sizes but the packets are the same in every run,
// so that a difference between two runs is a difference of the code.
func TestPacketsRepeat(t *testing.T) {
	warmup, err := operations.Warmup()
	require.NoError(t, err)
	run := func() (packets int, digest [sha256.Size]byte) {
		homeserver := &replay{t: t}
		inWorld(t, settings(t)[0], homeserver, func(w *world) {
			sum := sha256.New()
			w.link.Tap(func(p linkemu.Packet) {
				sum.Write(p.Payload)
			})
			client, stop := w.client()
			for _, e := range warmup {
				homeserver.expect(e)
				send(w.t, client, e)
			}
			w.settle()
			cost := w.count.read()
			packets = cost.datagramsUp + cost.datagramsDown
			digest = [sha256.Size]byte(sum.Sum(nil))
			require.NoError(w.t, stop())
		})
		return packets, digest
	}
	packets, first := run()
	assert.GreaterOrEqual(t, packets, 8, "a handshake and two requests")
	again, second := run()
	assert.Equal(t, packets, again)
	assert.Equal(t, first, second)
}
