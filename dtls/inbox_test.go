package dtls

import (
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

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
					assert.Equal(t, from, d.from)
				}
				assert.Nil(t, b.queue, "an empty one keeps no memory")
			}
			b.setDeadline(time.Now())
			_, err := b.get()
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			b.setDeadline(time.Time{})
			require.True(t, b.put(datagram{}))
			b.close(io.EOF)
			b.close(net.ErrClosed)
			assert.False(t, b.put(datagram{}))
			_, err = b.get()
			require.NoError(t, err, "what is there comes first")
			_, err = b.get()
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

// Whoever reads is sent away; the datagrams wait for the next.
func TestInboxDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newInbox()
		go func() {
			time.Sleep(time.Second)
			b.detach()
		}()
		_, err := b.get()
		require.ErrorIs(t, err, net.ErrClosed)
		require.True(t, b.put(datagram{data: []byte("x")}))
		_, err = b.get()
		require.ErrorIs(t, err, net.ErrClosed)
		assert.Len(t, b.drain(), 1)
		assert.Zero(t, b.bytes)
	})
}

func TestInboxDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newInbox()
		start := time.Now()
		b.setDeadline(start.Add(time.Hour))
		time.AfterFunc(time.Minute, func() { b.setDeadline(start.Add(2 * time.Hour)) })
		_, err := b.get()
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, 2*time.Hour, time.Since(start))
	})
}
