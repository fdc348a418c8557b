package budgets

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestPacketsRepeat: not only the sizes but the packets of an initial sync are the
// same in every run, so that a difference between two runs is one of the code.
func TestPacketsRepeat(t *testing.T) {
	all, err := operations.All()
	require.NoError(t, err)
	exchanges, err := operations.Warmup()
	require.NoError(t, err)
	for _, op := range all {
		if op.Name == "initial" {
			exchanges = append(exchanges, op.Exchanges...)
		}
	}
	run := func() (c cost, packets [sha256.Size]byte) {
		homeserver := &replay{t: t}
		inWorld(t, settings(t)[0], homeserver, func(w *world) {
			sum := sha256.New()
			w.link.Tap(func(p linkemu.Packet) { sum.Write(p.Payload) })
			client, stop := w.client()
			for _, e := range exchanges {
				homeserver.expect(e)
				send(w.t, client, e)
			}
			w.settle()
			c, packets = w.count.read(), [sha256.Size]byte(sum.Sum(nil))
			require.NoError(w.t, stop())
		})
		return c, packets
	}
	c, packets := run()
	assert.Greater(t, c.down, len(exchanges[len(exchanges)-1].Response.Body)/2, "the answer crossed the link")
	again, same := run()
	assert.Equal(t, c, again)
	assert.Equal(t, packets, same)
}
