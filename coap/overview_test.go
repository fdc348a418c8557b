package coap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
)

// TestStatusOfBothEnds: what a Transport and a Server tell of one request while it is
// served, and afterwards.
func TestStatusOfBothEnds(t *testing.T) {
	entered, goOn := make(chan struct{}), make(chan struct{})
	server := &coap.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-goOn
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"chunk":[],"start":"abc"}`)
	})}
	p := newPairOf(t, server, &coap.Transport{})
	assert.Zero(t, p.Status())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.do(t, "GET", "/_matrix/client/v3/rooms/%21secret%3Ahs/messages?dir=b", "tok", "", "")
	}()
	<-entered
	const path, route = "/_matrix/client/v3/rooms/%21secret%3Ahs/messages", "/_matrix/client/v3/rooms/{roomId}/messages"
	for _, s := range []coap.Status{p.Status(), server.Status()} {
		require.Len(t, s.Requests, 1)
		assert.Equal(t, 1, s.UnderWay)
		assert.Equal(t, coap.RequestName{Method: "GET", Path: path, Route: route}, s.Requests[0].RequestName)
		assert.WithinDuration(t, time.Now(), s.Requests[0].Began, time.Minute)
	}
	close(goOn)
	<-done
	c := p.Status()
	assert.Zero(t, c.UnderWay)
	require.Len(t, c.Sessions, 1)
	assert.EqualValues(t, 1, c.Opened)
	one := c.Sessions[0]
	assert.Equal(t, coap.PeerGateway, one.Peer)
	assert.Equal(t, 1, one.Version)
	assert.EqualValues(t, 1, one.Number)
	assert.NotZero(t, one.Stats.Sent.Datagrams)
	assert.Equal(t, one.Stats.Sent, c.Total.Sent)
	plain := uint64(len(path) + len("?dir=b"))
	assert.Equal(t, plain, c.Total.Requests.Plain)
	assert.EqualValues(t, len(`{"chunk":[],"start":"abc"}`), c.Total.Responses.Plain)
	assert.Less(t, c.Total.Responses.Coded, c.Total.Responses.Plain)
	s := server.Status()
	require.Len(t, s.Sessions, 1)
	assert.Equal(t, coap.PeerGateway, s.Sessions[0].Peer)
	assert.Equal(t, plain, s.Total.Requests.Plain)
	assert.Equal(t, c.Total.Responses.Plain, s.Total.Responses.Plain)
	assert.Equal(t, c.Total.Sent.Bytes, s.Total.Received.Bytes)
}

// TestStatusKeepsTotals: a session that has ended counts on, and Renew begins another.
func TestStatusKeepsTotals(t *testing.T) {
	server := &coap.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {})}
	p := newPairOf(t, server, &coap.Transport{})
	p.do(t, "GET", "/a", "", "", "")
	before := p.Status().Total.Sent.Bytes
	p.Renew()
	require.Eventually(t, func() bool { return len(p.Status().Sessions) == 0 }, 10*time.Second, time.Millisecond)
	assert.Equal(t, before, p.Status().Total.Sent.Bytes)
	p.do(t, "GET", "/a", "", "", "")
	s := p.Status()
	require.Len(t, s.Sessions, 1)
	assert.EqualValues(t, 2, s.Sessions[0].Number)
	assert.EqualValues(t, 2, s.Opened)
	assert.Greater(t, s.Total.Sent.Bytes, before)
	assert.Equal(t, "other", coap.Route("GET", "/a"))
}

// TestStatusOfTransfers: a long body is seen on its way at both ends, with its request.
func TestStatusOfTransfers(t *testing.T) {
	profile, _ := link.ByName("geo-vsat")
	reader, writer := io.Pipe()
	server := &coap.Server{Profile: profile, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Content-Length", "200000")
		_, _ = w.Write(make([]byte, 100_000))
		_, _ = io.Copy(w, reader)
	})}
	p := newPairOf(t, server, &coap.Transport{Profile: profile})
	r, err := http.NewRequest("GET", "http://link/_matrix/client/v1/media/download/hs/id", nil)
	require.NoError(t, err)
	resp, err := p.RoundTrip(r)
	require.NoError(t, err)
	_, err = io.ReadFull(resp.Body, make([]byte, 50_000))
	require.NoError(t, err)
	for _, s := range []coap.Status{p.Status(), server.Status()} {
		require.Len(t, s.Sessions, 1)
		require.Len(t, s.Sessions[0].Transfers, 1)
		tr := s.Sessions[0].Transfers[0]
		assert.Equal(t, "/_matrix/client/v1/media/download/{serverName}/{mediaId}", tr.Route)
		assert.Equal(t, "/_matrix/client/v1/media/download/hs/id", tr.Path)
		assert.EqualValues(t, 200_000, tr.Total)
		assert.Greater(t, tr.Done, int64(48_000), "but for the block that was sent last")
		assert.Less(t, tr.Done, int64(200_000))
		assert.Greater(t, tr.Left, time.Duration(0))
		assert.Empty(t, tr.Label)
	}
	go func() {
		_, _ = io.Copy(writer, bytes.NewReader(make([]byte, 100_000)))
		_ = writer.Close()
	}()
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	s := p.Status()
	assert.Empty(t, s.Sessions[0].Transfers)
	assert.Empty(t, s.Requests)
	assert.EqualValues(t, 200_000, s.Total.Responses.Plain)
}

// TestStatusOfFailure: a peer that cannot be reached.
func TestStatusOfFailure(t *testing.T) {
	tr := &coap.Transport{Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("no way") }}
	defer tr.Close()
	r, err := http.NewRequest("PUT", "http://link/x", strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = tr.RoundTrip(r)
	require.Error(t, err)
	s := tr.Status()
	assert.EqualValues(t, 1, s.Failed)
	assert.True(t, s.Failing)
	assert.Empty(t, s.Requests)
	assert.Empty(t, s.Sessions)
}

// TestStatusOfVersion2: what both ends have agreed on, and what it saves.
func TestStatusOfVersion2(t *testing.T) {
	server := &coap.Server{Handler: say, Version2: newVersion2(t, shippedModel)}
	p := newPairOf(t, server, &coap.Transport{Version2: newVersion2(t, shippedModel)})
	const path = "/_matrix/client/v3/rooms/%21a%3Ab/send/m.room.message/1"
	p.do(t, "PUT", path, "tok", "application/json", `{"body":"hello"}`)
	before := p.Status().Total.Requests
	p.do(t, "PUT", path, "tok", "application/json", `{"body":"hello again"}`)
	for _, s := range []coap.Status{p.Status(), server.Status()} {
		require.Len(t, s.Sessions, 1)
		assert.Equal(t, 2, s.Sessions[0].Version)
		assert.Equal(t, newVersion2(t, shippedModel).Format.ID().String(), s.Sessions[0].Format)
	}
	after := p.Status().Total.Requests
	plain, coded := after.Plain-before.Plain, after.Coded-before.Coded
	assert.EqualValues(t, len(path)+len(`{"body":"hello again"}`), plain)
	assert.Less(t, coded, plain/2)
	assert.Equal(t, after.Plain, server.Status().Total.Requests.Plain)
}
