package dtls

import (
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInbox(t *testing.T) {
	for _, tc := range []struct {
		name       string
		size, fits int
	}{
		{"many", 1, inboxDatagrams},
		{"long", 8000, inboxBytes / 8000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newInbox()
			from := addr(clientAddress)
			for round := range 3 {
				for i := range tc.fits + 2 {
					assert.Equal(t, i < tc.fits, b.put(datagram{data: make([]byte, tc.size), from: from}), "%d %d", round, i)
				}
				for range tc.fits {
					d, err := b.get()
					require.NoError(t, err)
					assert.Len(t, d.data, tc.size)
					assert.Equal(t, from, b.busyWith())
				}
				assert.Nil(t, b.queue, "an empty one keeps no memory")
			}
			b.interrupt(true)
			_, err := b.get()
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.Nil(t, b.busyWith())
			b.interrupt(false)
			require.True(t, b.put(datagram{}))
			b.close()
			assert.False(t, b.put(datagram{}))
			_, err = b.get()
			require.ErrorIs(t, err, net.ErrClosed)
		})
	}
}
