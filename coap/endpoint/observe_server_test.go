package endpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
