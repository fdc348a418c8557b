package profiles

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

// told reports whether the caller of a request that failed knows so: by an error
// answer, or because the connection broke in the middle of an answer.
func told(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused) && refused.status >= 500 || errors.Is(err, errCutShort)
}

// TestImpatientCaller: a caller who gives up while the link is closed, or slower
// than he is patient, has an error. He asks again with the same transaction, and
// the message is there once.
func TestImpatientCaller(t *testing.T) {
	for _, name := range []string{"leo-pass", "iridium-sbd"} {
		p, ok := link.ByName(name)
		require.True(t, ok)
		t.Run(name, func(t *testing.T) {
			for seed := uint64(lossless); seed <= tableSeeds; seed++ {
				inWorld(t, p, linkOf(p, seed), func(w *world) {
					s := w.newSession()
					require.NoError(w.T, s.connect())
					time.Sleep(silence) // virtual; a pass has ended by then
					s.patience = impatience
					err := s.send("send", 0)
					require.ErrorIs(w.T, err, errHangs, "seed %d", seed)
					s.patience = patience
					require.NoError(w.T, s.send("send", 0), "seed %d", seed)
					w.settle()
					require.Equal(w.T, s.sent, s.stored(), "seed %d", seed)
				})
			}
		})
	}
}

// TestDeadLink: when nothing crosses the link any more, the caller is told, within
// the time that the session has to give up and that a new one has to open.
func TestDeadLink(t *testing.T) {
	for _, p := range link.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			inWorld(t, p, linkOf(p, lossless), func(w *world) {
				s := w.newSession()
				require.NoError(w.T, s.connect())
				w.Link.Listen() // takes the address: the server hears nothing any more
				before := s.total
				err := s.send("send", 0)
				require.True(w.T, told(err), "%v", err)
				limit := p.MaxTransmitWait() + p.HandshakeTimeout
				if p.ContactPeriod > 0 { // the time in which the link is known to be closed does not count
					limit += limit / p.ContactPeriod * p.Closed()
				}
				assert.LessOrEqual(w.T, s.total-before, limit)
				assert.Empty(w.T, s.stored())
			})
		})
	}
}
