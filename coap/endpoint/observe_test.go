package endpoint

import (
	"bytes"
	"context"
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

// publisher is a handler whose resource can be observed.
type publisher struct {
	observers chan *Observer
	current   *Observer
	ctx       context.Context
}

func newPublisher() *publisher { return &publisher{observers: make(chan *Observer, 100)} }

func (p *publisher) Admit(r *Request) func(context.Context) *Response {
	return func(context.Context) *Response {
		if o, err := r.StartObservation(); err == nil {
			p.observers <- o
		} else if !errors.Is(err, ErrNoRegistration) {
			return &Response{Code: Content, Body: strings.NewReader(err.Error())}
		}
		return &Response{Code: Content, Body: strings.NewReader("18.5 Cel")}
	}
}

// start plays a registration.
func (p *publisher) start(l *ladder) {
	l.t.Helper()
	l.run(`
		> CON GET #0001 t=4a Observe=0 /temperature
		< ACK 2.05 #0001 t=4a Observe=0 "18.5 Cel"
	`)
	p.current, p.ctx = <-p.observers, l.t.Context()
}

func (p *publisher) notify(body string) <-chan error {
	result := make(chan error, 1)
	o := p.current
	go func() {
		result <- o.Notify(p.ctx, &Response{Code: Content, Body: strings.NewReader(body), Size: int64(len(body))})
	}()
	return result
}

func published(t *testing.T, f func(l *ladder, p *publisher)) {
	p := newPublisher()
	cfg := Config{Profile: testProfile(), Handler: p}
	climb(t, cfg, func(l *ladder) {
		p.start(l)
		f(l, p)
	})
}

// TestLostNotification: go-coap never sends a notification again; here it is
// repeated with the same bytes until it is acknowledged.
func TestLostNotification(t *testing.T) {
	published(t, func(l *ladder, p *publisher) {
		result := p.notify("19")
		l.run(`
			< CON 2.05 #a t=4a Observe=1 "19"
			< CON 2.05 #a t=4a Observe=1 "19"   @2s..2s
			< CON 2.05 #a t=4a Observe=1 "19"   @4s..4s
			> ACK EMPTY #a
			~ 100s
		`)
		require.NoError(t, <-result)
	})
}

// TestOneNotificationAtATime: RFC 7641 §4.5.1.
func TestOneNotificationAtATime(t *testing.T) {
	published(t, func(l *ladder, p *publisher) {
		first := p.notify("19")
		l.run(`< CON 2.05 #a t=4a Observe=1 "19"`)
		second := p.notify("20")
		l.run(`
			~ 1s
			> ACK EMPTY #a
			< CON 2.05 #b t=4a Observe=2 "20"
			> ACK EMPTY #b
		`)
		require.NoError(t, <-first)
		require.NoError(t, <-second)
	})
}

func TestNotificationReset(t *testing.T) {
	published(t, func(l *ladder, p *publisher) {
		result := p.notify("19")
		l.run(`
			< CON 2.05 #a t=4a Observe=1 "19"
			> RST EMPTY #a
		`)
		var rejected *ResetError
		require.ErrorAs(t, <-result, &rejected)
		<-p.current.Done()
		require.ErrorIs(t, <-p.notify("20"), ErrObserverGone)
		require.Empty(t, l.conn.observers)
	})
}

func TestNotificationGivenUp(t *testing.T) {
	published(t, func(l *ladder, p *publisher) {
		result := p.notify("19")
		l.run(`
			< CON 2.05 #a t=4a Observe=1 "19"
			< CON 2.05 #a t=4a Observe=1 "19"   @2s..2s
			< CON 2.05 #a t=4a Observe=1 "19"   @4s..4s
			< CON 2.05 #a t=4a Observe=1 "19"   @8s..8s
			< CON 2.05 #a t=4a Observe=1 "19"   @16s..16s
			~ 32s
		`)
		require.ErrorIs(t, <-result, ErrTimeout)
		<-p.current.Done()
	})
}

func TestPeerDeregisters(t *testing.T) {
	published(t, func(l *ladder, p *publisher) {
		result := p.notify("19")
		l.run(`
			< CON 2.05 #a t=4a Observe=1 "19"
			> CON GET #0002 t=4a Observe=1 /temperature
			< ACK 2.05 #0002 t=4a "18.5 Cel"
			~ 100s
		`)
		require.ErrorIs(t, <-result, ErrObserverGone)
		<-p.current.Done()
	})
}

// TestPeerRegistersAgain: the same token takes the place of the earlier
// registration, and numbers go on.
func TestPeerRegistersAgain(t *testing.T) {
	published(t, func(l *ladder, p *publisher) {
		old := p.current
		l.run(`
			> CON GET #0002 t=4a Observe=0 /temperature
			< ACK 2.05 #0002 t=4a Observe=1 "18.5 Cel"
		`)
		<-old.Done()
		p.current = <-p.observers
		result := p.notify("19")
		l.run(`
			< CON 2.05 #a t=4a Observe=2 "19"
			> ACK EMPTY #a
		`)
		require.NoError(t, <-result)
		require.Len(t, l.conn.observers, 1)
	})
}

// TestLastNotificationOfServer: it carries no Observe option (RFC 7641 §4.2).
func TestLastNotificationOfServer(t *testing.T) {
	published(t, func(l *ladder, p *publisher) {
		result := make(chan error, 1)
		go func() { result <- p.current.Notify(l.t.Context(), &Response{Code: NotFound}) }()
		l.run(`
			< CON 4.04 #a t=4a
			> ACK EMPTY #a
		`)
		require.NoError(t, <-result)
		<-p.current.Done()
	})
}

// TestLargeNotification: the peer fetches the rest with another token.
func TestLargeNotification(t *testing.T) {
	p := newPublisher()
	climb(t, blocks(64, p), func(l *ladder) {
		l.conn.SetPeer(testProfile())
		p.start(l)
		result := make(chan error, 1)
		go func() {
			result <- p.current.Notify(l.t.Context(), &Response{Code: Content, Body: bytes.NewReader(testBody(100)), Size: 100})
		}()
		l.run(`
			< CON 2.05 #a t=4a Observe=1 Block2=0/1/64 Size2=100 [0:64]
			> ACK EMPTY #a
			> CON GET #0003 t=4b /temperature Block2=1/0/64
			< ACK 2.05 #0003 t=4b Block2=1/0/64 [64:100]
		`)
		require.NoError(t, <-result)
	})
}

// TestBlockwiseNotificationGivenUp: its transfer goes with it.
func TestBlockwiseNotificationGivenUp(t *testing.T) {
	p := newPublisher()
	climb(t, blocks(16, p), func(l *ladder) {
		p.start(l)
		result := p.notify("0123456789abcdefghi")
		l.run(`
			< CON 2.05 #a t=4a Observe=1 Block2=0/1/16 Size2=19 "0123456789abcdef"
			> RST EMPTY #a
			> CON GET #0003 t=4b /temperature Block2=1/0/16
			< ACK 4.08 #0003 t=4b
		`)
		require.Error(t, <-result)
	})
}

func TestTooManyObservers(t *testing.T) {
	p := newPublisher()
	climb(t, Config{Profile: testProfile(), Handler: p}, func(l *ladder) {
		for i := range maxObservers {
			l.run(fmt.Sprintf(`
				> CON GET #%04x t=%02x Observe=0 /temperature
				< ACK 2.05 #%04x t=%02x Observe=%d "18.5 Cel"
			`, i, i, i, i, i))
		}
		l.run(fmt.Sprintf(`
			> CON GET #ffff t=ff Observe=0 /temperature
			< ACK 2.05 #ffff t=ff "%s"
		`, ErrTooManyObservers))
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
