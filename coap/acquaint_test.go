package coap_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// restartedPeer is a coapgw that was restarted after it had acknowledged the first request of a
// session: it says who it is and answers inquiries. It answers what is asked again.
func restartedPeer(c net.Conn, asked *[]string) {
	buf := make([]byte, 2048)
	for requests := 0; ; {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		m, err := endpoint.ParseMessage(buf[:n])
		if err != nil || m.Type != endpoint.Confirmable {
			continue
		}
		answer := endpoint.Message{Type: endpoint.Acknowledgement, MessageID: m.MessageID, Token: m.Token}
		hello, has := m.Options.Get(coap.OptionGateway)
		switch {
		case m.Code == endpoint.Empty:
			*asked = append(*asked, "ping")
			answer = endpoint.Message{Type: endpoint.Reset, MessageID: m.MessageID}
		case m.Options.Has(endpoint.Inquiry):
			*asked = append(*asked, "inquiry")
			answer.Code = endpoint.NotFound
		case has && len(hello) == 0:
			*asked = append(*asked, "who")
			answer.Code, answer.Options = endpoint.Content, endpoint.Options{}.Add(coap.OptionGateway, []byte{2})
		default:
			*asked = append(*asked, "request")
			if requests++; requests == 1 {
				answer.Token = nil
			} else {
				answer.Code, answer.Options = endpoint.Content, endpoint.Options{}.Add(coap.OptionGateway, []byte{2})
			}
		}
		data, _ := endpoint.AppendMessage(nil, &answer)
		_, _ = c.Write(data)
	}
}

// A client whose first request is not answered finds out whom it asks, and then that the
// other end knows nothing of it.
func TestFirstRequestForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pipe.Listen(nil)
		var asked []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err == nil {
				restartedPeer(c.(*pipe.Conn).EndWithPeer(), &asked)
			}
		}()
		tr := &coap.Transport{Dial: l.Dial}
		r, err := http.NewRequest(http.MethodGet, "http://link/_matrix/client/v3/sync", nil)
		require.NoError(t, err)
		begun := time.Now()
		resp, err := tr.RoundTrip(r)
		require.NoError(t, err)
		_ = resp.Body.Close()
		assert.LessOrEqual(t, time.Since(begun), 2*link.Default().MaxTransmitWait())
		require.NoError(t, tr.Close())
		<-done
		assert.Equal(t, []string{"request", "inquiry", "request"}, slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return s == "ping" || s == "who" }))
		assert.Contains(t, asked, "who")
	})
}

// A server that cannot tell that it has lost the session is found out by the first question
// that breaks a silence: what was observed there can be observed anew.
func TestObservedServerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVersion2(t, shippedModel)
		profile := link.Default()
		profile.KeepAlive = 20 * time.Second
		script := &syncScript{answers: map[string][]syncAnswer{
			"s0": {{0, 200, nothing("s1", "50")}, {0, 200, nothing("s1", "50")}},
			"s1": {{24 * time.Hour, 200, nothing("s1", "50")}, {0, 200, oneMessage("s2", "one")}},
		}}
		listener := serve(t, &coap.Server{Handler: script, Version2: v}, nil)
		var lost atomic.Bool
		dials := 0
		tr := &coap.Transport{Version2: v, Profile: profile, Dial: func(ctx context.Context) (net.Conn, error) {
			c, err := listener.Dial(ctx)
			if dials++; dials == 1 && err == nil {
				return mute{c, &lost}, nil
			}
			return c, err
		}}
		resp, err := tr.RoundTrip(syncFrom(t, "s0"))
		require.NoError(t, err)
		_ = resp.Body.Close()
		var first, second pushed
		o, err := tr.Observe(syncFrom(t, "s1"), nil, first.deliver)
		require.NoError(t, err)
		lost.Store(true)
		defer tr.Close()
		select {
		case <-o.Done():
		case <-time.After(profile.KeepAlive + profile.MaxTransmitWait()):
			t.Error("the observation goes on")
			return
		}
		require.ErrorIs(t, o.Err(), endpoint.ErrClosed)
		resp, err = tr.RoundTrip(syncFrom(t, "s0")) // agrees on version 2 again
		require.NoError(t, err)
		_ = resp.Body.Close()
		_, err = tr.Observe(syncFrom(t, "s1"), nil, second.deliver)
		require.NoError(t, err)
		time.Sleep(time.Second)
		assert.Equal(t, []string{oneMessage("s2", "one")}, second.got())
		assert.Equal(t, 2, dials)
	})
}
