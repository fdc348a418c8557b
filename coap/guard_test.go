package coap

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// What cannot be decoded without a panic ends the session that it came on, with a typed error.
func TestPanicOfDecoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		decode := func(recovers bool) (*session, func() error) {
			t := &Transport{Recover: recovers}
			conn, _ := pipe.New(nil)
			s := &session{conn: endpoint.New(conn, endpoint.Config{Profile: link.Default(), Recover: recovers})}
			return s, func() error {
				_, err := t.decoded(s, nil, httptest.NewRequest(http.MethodGet, "/", nil), nil)
				return err
			}
		}
		s, run := decode(true)
		var panicked *endpoint.PanicError
		require.ErrorAs(t, run(), &panicked)
		s.conn.Wait()

		s, run = decode(false)
		assert.Panics(t, func() { _ = run() })
		require.NoError(t, s.conn.Close())
		s.conn.Wait()
	})
}

// A handshake that panics fails like others.
func TestPanicOfDial(t *testing.T) {
	transport := &Transport{Recover: true, Dial: func(context.Context) (net.Conn, error) { panic("boom") }}
	_, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, "/_matrix/client/versions", nil))
	var panicked *endpoint.PanicError
	require.ErrorAs(t, err, &panicked)
	var refusal *Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, http.StatusBadGateway, refusal.Status)
	require.NoError(t, transport.Close())
}
