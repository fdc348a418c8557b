package endpoint

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

// adopter adopts a profile when the first request arrives, as a server does that
// learns from it of its client's link.
type adopter struct {
	profile link.Profile
	once    sync.Once
	serve   HandlerFunc
}

func (a *adopter) Admit(r *Request) func(context.Context) *Response {
	a.once.Do(func() { r.Conn.Adopt(a.profile) })
	return a.serve.Admit(r)
}

// TestAdopt: all times and sizes of a session follow the profile that it adopts.
func TestAdopt(t *testing.T) {
	slow := tenBytes()
	slow.Profile.EmptyAckDelay = 30 * time.Second
	slow.Profile.MTU = 3000 // more than a read buffer needs as a rule
	slow.Profile.NStart = 1
	serve := HandlerFunc(func(ctx context.Context, r *Request) *Response {
		select {
		case <-time.After(20 * time.Second): // virtual
		case <-ctx.Done():
		}
		return &Response{Code: Content, Body: strings.NewReader(string(testBody(60))), Size: 60}
	})
	cfg := Config{Profile: testProfile(), Side: SideFar, Handler: &adopter{profile: slow.Profile, serve: serve}}
	climb(t, cfg, func(l *ladder) {
		before := l.conn.terms().lifetime
		// No acknowledgement of its own before 30 s.
		l.run(`
			> CON GET #0001 t=aa /x
			< ACK 2.05 #0001 t=aa [0:60] @20s..20s
		`)
		require.Equal(t, slow.Profile.ExchangeLifetime(), l.conn.terms().lifetime)
		require.Greater(t, slow.Profile.ExchangeLifetime(), before)
		require.True(t, l.conn.terms().peerKnown)
		require.Equal(t, 64, l.conn.terms().blockSize())

		time.Sleep(time.Minute) // virtual: until that has left
		for range 3 {           // NSTART is 1, it was 8
			l.ping()
		}
		// The timeout of a link of ten bytes a second.
		l.run(`
			< CON EMPTY #a t=
			< CON EMPTY #a t= @12.1s..12.1s
			> RST EMPTY #a
		`)
		require.Len(t, l.conn.outstanding, 1)

		// A datagram that is larger than the session was made for is read whole: cut
		// short it would be another message, and no duplicate.
		m := Message{Type: NonConfirmable, Code: PUT, MessageID: 7, Token: []byte{1}, Payload: testBody(2990)}
		data, err := AppendMessage(nil, &m)
		require.NoError(t, err)
		l.raw(data)
		l.conn.mu.Lock()
		_, whole := l.conn.seen.find(l.conn.seen.hash(data), time.Now())
		l.conn.mu.Unlock()
		require.True(t, whole)
	})
}

// TestAdoptShortensNothing: what the peer sent by the longer EXCHANGE_LIFETIME may
// still be repeated.
func TestAdoptShortensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, _ := datagramPipe()
		slow, quick := tenBytes().Profile, testProfile()
		c := New(ours, Config{Profile: slow, Side: SideFar})
		defer c.Wait()
		defer c.Close()
		c.Adopt(quick)
		assert.Equal(t, slow.ExchangeLifetime(), c.terms().lifetime)
		assert.Nil(t, c.estimator, "the rates are not known any more")
	})
}

// TestAdoptRemembersForLonger: also the request from which the profile was learnt.
func TestAdoptRemembersForLonger(t *testing.T) {
	slow, quick := tenBytes().Profile, testProfile()
	require.Greater(t, slow.ExchangeLifetime(), 2*quick.ExchangeLifetime())
	executed := 0
	serve := HandlerFunc(func(context.Context, *Request) *Response {
		executed++
		return &Response{Code: Changed}
	})
	cfg := Config{Profile: quick, Side: SideFar, Handler: &adopter{profile: slow, serve: serve}}
	climb(t, cfg, func(l *ladder) {
		l.run(`
			> CON POST #0001 t=aa /x
			< ACK 2.04 #0001 t=aa
		`)
		time.Sleep(2 * quick.ExchangeLifetime()) // virtual
		l.run(`
			> CON POST #0001 t=aa /x
			< ACK 2.04 #0001 t=aa
		`)
	})
	require.Equal(t, 1, executed)
}

// TestAdoptWhileRunning: at any time, under the race detector.
func TestAdoptWhileRunning(t *testing.T) {
	cfg := Config{Profile: testProfile(), Side: SideFar, Handler: HandlerFunc(mirror)}
	together(t, cfg, cfg, perfect, func(t *testing.T, client, server *Conn) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 20 {
					exchangeBytes(t, client, 3000)
				}
			})
		}
		all.Go(func() {
			p := testProfile()
			for i := range 100 {
				p.NStart, p.BlockSize = 1+i%8, 16<<(i%7)
				server.Adopt(p)
				client.Adopt(p)
			}
		})
		all.Wait()
	})
}
