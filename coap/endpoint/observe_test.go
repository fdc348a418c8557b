package endpoint

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// watching is an observation under test and what it delivered.
type watching struct {
	obs       *Observation
	err       error
	delivered []string
	observed  []bool
	refuse    error // what deliver returns
}

// observe registers for /temperature while the ladder plays the server's first
// answer.
func (l *ladder) observe(steps string) *watching {
	l.t.Helper()
	return l.observeRequest(get("temperature"), steps)
}

func (l *ladder) observeRequest(r *Request, steps string) *watching {
	l.t.Helper()
	w := &watching{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.obs, w.err = l.conn.Observe(l.t.Context(), r, func(r *Response) error {
			body, err := io.ReadAll(r.Body)
			w.observed = append(w.observed, r.Observed)
			w.delivered = append(w.delivered, fmt.Sprintf("%s %s", r.Code, body))
			return errors.Join(err, w.refuse)
		})
	}()
	l.run(steps)
	<-done
	synctest.Wait()
	return w
}

const registered = `
	< CON GET #a t=$t Observe=0 /temperature
	> ACK 2.05 #a t=$t Observe=9 "18.5 Cel"
`

// TestRFC7641AppendixA plays the client and the server of RFC 7641 §A.1.
func TestRFC7641AppendixA(t *testing.T) {
	cfg := Config{Profile: testProfile()}
	t.Run("client", func(t *testing.T) {
		climb(t, cfg, func(l *ladder) {
			w := l.observe(registered)
			require.NoError(t, w.err)
			l.run(`
				> NON 2.05 #0001 t=$t Observe=16 "19.2 Cel"
				> NON 2.05 #0002 t=$t Observe=25 "19.7 Cel"
				> CON 2.05 #0003 t=$t Observe=29 "20.1 Cel"
				< ACK EMPTY #0003
				~ 500s
			`)
			require.Equal(t, []string{"2.05 18.5 Cel", "2.05 19.2 Cel", "2.05 19.7 Cel", "2.05 20.1 Cel"}, w.delivered)
			require.NoError(t, w.obs.Err())
		})
	})
	t.Run("server", func(t *testing.T) {
		p := newPublisher()
		climb(t, Config{Profile: testProfile(), Handler: p}, func(l *ladder) {
			p.start(l)
			result := p.notify("19.2 Cel")
			l.run(`
				< CON 2.05 #a t=4a Observe=1 "19.2 Cel"
				> ACK EMPTY #a
			`)
			require.NoError(t, <-result)
		})
	})
	t.Run("client deregisters", func(t *testing.T) {
		climb(t, cfg, func(l *ladder) {
			w := l.observe(registered)
			result := make(chan error)
			go func() { result <- w.obs.Cancel(l.t.Context()) }()
			l.run(`
				< CON GET #b t=$t Observe=1 /temperature
				> ACK 2.05 #b t=$t "19.0 Cel"
			`)
			require.NoError(t, <-result)
			<-w.obs.Done()
			require.NoError(t, w.obs.Err())
			l.run(`
				> CON 2.05 #0009 t=$t Observe=44 "late"
				< RST EMPTY #0009
			`)
			require.Len(t, w.delivered, 1)
		})
	})
}

// TestObservationOrder: RFC 7641 §3.4; stale notifications are acknowledged and
// dropped.
func TestObservationOrder(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		w := l.observe(registered)
		l.run(`
			> CON 2.05 #0001 t=$t Observe=12 "12"
			< ACK EMPTY #0001
			> CON 2.05 #0002 t=$t Observe=11 "11"
			< ACK EMPTY #0002
			> CON 2.05 #0003 t=$t Observe=12 "12 again"
			< ACK EMPTY #0003
			> CON 2.05 #0004 t=$t Observe=8388619 "half way"
			< ACK EMPTY #0004
			> CON 2.05 #0005 t=$t Observe=3 "wrapped"
			< ACK EMPTY #0005
			~ 128s
			> CON 2.05 #0006 t=$t Observe=2 "just in the window"
			< ACK EMPTY #0006
			~ 1s
			> CON 2.05 #0007 t=$t Observe=1 "long after"
			< ACK EMPTY #0007
		`)
		require.Equal(t, []string{"2.05 18.5 Cel", "2.05 12", "2.05 half way", "2.05 wrapped", "2.05 long after"}, w.delivered)
	})
}

// TestNotificationIsAcknowledgedAfterDelivery: also when it is repeated meanwhile.
func TestNotificationIsAcknowledgedAfterDelivery(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			first := true
			l.conn.Observe(l.t.Context(), get("temperature"), func(*Response) error {
				if !first {
					time.Sleep(10 * time.Second)
				}
				first = false
				return nil
			})
		}()
		l.run(registered)
		<-done
		l.run(`
			> CON 2.05 #0001 t=$t Observe=10 "a"
			~ 2s
			> CON 2.05 #0001 t=$t Observe=10 "a"
			< ACK EMPTY #0001                       @8s..8s
			> CON 2.05 #0001 t=$t Observe=10 "a"
			< ACK EMPTY #0001
		`)
	})
}

// TestRejectedNotification: an error of deliver resets and ends the observation.
func TestRejectedNotification(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		w := l.observe(registered)
		w.refuse = errors.New("not my cursor")
		l.run(`
			> CON 2.05 #0001 t=$t Observe=10 "a"
			< RST EMPTY #0001
			> CON 2.05 #0001 t=$t Observe=10 "a"
			< RST EMPTY #0001
			> CON 2.05 #0002 t=$t Observe=11 "b"
			< RST EMPTY #0002
		`)
		<-w.obs.Done()
		require.ErrorIs(t, w.obs.Err(), w.refuse)
	})
}

// TestNotObserved: the response is good all the same (RFC 7641 §3.1).
func TestNotObserved(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		w := l.observe(`
			< CON GET #a t=$t Observe=0 /temperature
			> ACK 2.05 #a t=$t "18.5 Cel"
		`)
		require.ErrorIs(t, w.err, ErrNotObserved)
		require.Equal(t, []string{"2.05 18.5 Cel"}, w.delivered)
	})
}

// TestLastNotification: an error response ends the observation (RFC 7641 §3.2).
func TestLastNotification(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		w := l.observe(registered)
		l.run(`
			> CON 4.04 #0001 t=$t "gone"
			< ACK EMPTY #0001
		`)
		<-w.obs.Done()
		require.NoError(t, w.obs.Err())
		require.Equal(t, []string{"2.05 18.5 Cel", "4.04 gone"}, w.delivered)
	})
}

// TestReregister: the same token, and the new response is fresh whatever its
// number; a notification that crosses it is no reply to it.
func TestReregister(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		w := l.observe(registered)
		result := make(chan error)
		go func() { result <- w.obs.Reregister(l.t.Context(), get("temperature")) }()
		l.run(`
			< CON GET #b t=$t Observe=0 /temperature
			> CON 2.05 #0001 t=$t Observe=10 "crossed"
			< ACK EMPTY #0001
			< CON GET #b t=$t Observe=0 /temperature   @2s..2s
			> ACK 2.05 #b t=$t Observe=2 "anew"
		`)
		require.NoError(t, <-result)
		synctest.Wait()
		require.Equal(t, []string{"2.05 18.5 Cel", "2.05 crossed", "2.05 anew"}, w.delivered)
	})
}

// TestBlockwiseNotification: RFC 7959 §3.4; the rest is fetched with a token of
// its own.
func TestBlockwiseNotification(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		w := l.observe(registered)
		l.run(`
			> CON 2.05 #0001 t=$t Observe=10 Block2=0/1/16 "0123456789abcdef"
			< ACK EMPTY #0001
			< CON GET #b t=$u /temperature Block2=1/0/16
			> ACK 2.05 #b t=$u Block2=1/0/16 "ghi"
			> CON 2.05 #0002 t=$t Observe=11 "next"
			< ACK EMPTY #0002
		`)
		require.NotEqual(t, l.toks["$t"], l.toks["$u"])
		require.Equal(t, []string{"2.05 18.5 Cel", "2.05 0123456789abcdefghi", "2.05 next"}, w.delivered)
	})
}

// TestObserveTogether: both roles, with loss, duplication and reordering; every
// notification arrives once, in order.
func TestObserveTogether(t *testing.T) {
	p := newPublisher()
	cfg := Config{Profile: testProfile(), Handler: p}
	cfg.Profile.MaxRetransmit = 14
	together(t, cfg, cfg, twenty(7), func(t *testing.T, client, _ *Conn) {
		var got []string
		obs, err := client.Observe(t.Context(), get("x"), func(r *Response) error {
			body, err := io.ReadAll(r.Body)
			got = append(got, string(body))
			return err
		})
		require.NoError(t, err)
		o := <-p.observers
		want := []string{"18.5 Cel"}
		for i := range 50 {
			body := string(testBody(1 + i*100))
			want = append(want, body)
			require.NoError(t, o.Notify(t.Context(), &Response{Code: Content, Body: strings.NewReader(body), Size: -1}))
		}
		time.Sleep(10 * time.Minute) // the last body is fetched after Notify returned
		synctest.Wait()
		require.Equal(t, want, got)
		require.NoError(t, obs.Cancel(t.Context()))
		<-o.Done()
	})
}
