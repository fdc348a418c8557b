package endpoint

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Observations between two endpoints of this package.

// TestNotificationOvertakesReply: the first notification may be there before the answer to
// the registration; its number tells that it is none.
func TestNotificationOvertakesReply(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		l.conn.SetPeer(testProfile())
		w := l.observe(`
			< CON GET #a t=$t Observe=0 /temperature
			> CON 2.05 #0001 t=$t Observe=11 "19.2 Cel"
			~ 1s
			> ACK 2.05 #a t=$t Observe=10 "18.5 Cel"
			< ACK EMPTY #0001
		`)
		require.NoError(t, w.err)
		require.Equal(t, []string{"2.05 18.5 Cel", "2.05 19.2 Cel"}, w.delivered)
	})
}

// TestOldNumbers: the numbers of such a peer never start over, so that nothing becomes fresh
// by its age.
func TestOldNumbers(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		l.conn.SetPeer(testProfile())
		w := l.observe(`
			< CON GET #a t=$t Observe=0 /temperature
			> ACK 2.05 #a t=$t Observe=10 "18.5 Cel"
			> CON 2.05 #0001 t=$t Observe=13 "19.2 Cel"
			< ACK EMPTY #0001
			~ 1000s
			> CON 2.05 #0002 t=$t Observe=11 "late"
			< ACK EMPTY #0002
		`)
		require.Equal(t, []string{"2.05 18.5 Cel", "2.05 19.2 Cel"}, w.delivered)
	})
}

// TestObservationForgotten: a peer that says it has forgotten an observation ends it.
func TestObservationForgotten(t *testing.T) {
	profile := testProfile()
	profile.KeepAlive = 60 * time.Second
	climb(t, Config{Profile: profile, Side: SideConstrained}, func(l *ladder) {
		l.conn.SetPeer(profile)
		w := l.observe(`
			< CON GET #a t=$t Observe=0 /temperature
			> ACK 2.05 #a t=$t Observe=10 "18.5 Cel"
			~ 59s
		`)
		l.run(fmt.Sprintf(`
			< CON GET #b t=$t %d=  @1s..2s
			> ACK 4.04 #b t=$t
		`, Inquiry))
		<-w.obs.Done()
		require.ErrorIs(t, w.obs.Err(), ErrForgotten)
	})
}

// TestNotificationWaits: an observer that does not answer is away, and goes on when it is
// heard of.
func TestNotificationWaits(t *testing.T) {
	published(t, func(l *ladder, p *publisher) {
		l.conn.SetPeer(testProfile())
		result := p.notify("19")
		l.run(`
			< CON 2.05 #a t=4a Observe=1 "19"
			< CON 2.05 #a t=4a Observe=1 "19"   @2s..2s
			< CON 2.05 #a t=4a Observe=1 "19"   @4s..4s
			< CON 2.05 #a t=4a Observe=1 "19"   @8s..8s
			< CON 2.05 #a t=4a Observe=1 "19"   @16s..16s
			~ 100s
		`)
		require.ErrorIs(t, <-result, ErrTimeout)
		select {
		case <-p.current.Done():
			t.Fatal("it is over")
		case <-p.current.Heard():
			t.Fatal("nobody was heard")
		default:
		}
		heard := p.current.Heard()
		l.run(`
			> CON EMPTY #0009
			< RST EMPTY #0009
		`)
		<-heard
		require.Zero(t, l.conn.Silence())
		result = p.notify("20")
		l.run(`
			< CON 2.05 #b t=4a Observe=3 "20"
			> ACK EMPTY #b
		`)
		require.NoError(t, <-result)
	})
}

// TestRestoredObserver: the next life of a server ends an observation of the last one with a
// word.
func TestRestoredObserver(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		l.conn.SetPeer(testProfile())
		o, err := l.conn.RestoreObserver([]byte{0x4a})
		require.NoError(t, err)
		_, err = l.conn.RestoreObserver([]byte{0x4a})
		require.ErrorIs(t, err, ErrObserverGone, "it is there")
		require.Equal(t, []byte{0x4a}, o.Token())
		result := make(chan error)
		go func() {
			result <- o.Notify(l.t.Context(), &Response{Code: ServiceUnavailable, Body: strings.NewReader("ask"), Size: 3})
		}()
		l.run(`
			< CON 5.03 #a t=4a "ask"
			> ACK EMPTY #a
		`)
		require.NoError(t, <-result)
		<-o.Done()
	})
}

// TestHeardEnds: who waits for a session that ends does not wait for ever.
func TestHeardEnds(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		heard := l.conn.Heard()
		require.NoError(t, l.conn.Close())
		<-heard
		<-l.conn.Heard()
	})
}

// TestLastWordOvertakesReply: what ends an observation has no number, and is delivered as what
// it is by whoever asks.
func TestLastWordOvertakesReply(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		l.conn.SetPeer(testProfile())
		var got []string
		result := make(chan error)
		go func() {
			_, err := l.conn.Observe(context.WithoutCancel(l.t.Context()), get("temperature"), func(r *Response) error {
				body, err := io.ReadAll(r.Body)
				got = append(got, fmt.Sprintf("%s %s", r.Code, body))
				return err
			})
			result <- err
		}()
		l.run(`
			< CON GET #a t=$t Observe=0 /temperature
			> CON 5.03 #0001 t=$t "ask"
			< ACK EMPTY #0001
		`)
		require.ErrorIs(t, <-result, ErrNotObserved)
		synctest.Wait()
		require.Equal(t, []string{"5.03 ask"}, got)
	})
}
