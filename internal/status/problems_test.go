package status

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
)

func TestProblems(t *testing.T) {
	var out bytes.Buffer
	p := NewProblems()
	log := slog.New(p.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError})))
	log.Info("nothing special")
	log.With("peer", "boat").Warn("no session with the peer", "err", errors.New("timeout"))
	log.Error("homeserver did not answer", "method", "GET", "body", "hello", "access_token", "syt_abc")
	list := p.List()
	require.Len(t, list, 2)
	assert.Equal(t, "The homeserver did not answer.", list[0].Text)
	assert.True(t, list[0].Severe)
	assert.Empty(t, list[0].Detail, "only what is known to be harmless")
	assert.Equal(t, "peer boat, timeout", list[1].Detail)
	assert.Contains(t, out.String(), "homeserver did not answer")
	assert.NotContains(t, out.String(), "no session", "the next handler has its own level")

	log.With("peer", "boat").Warn("no session with the peer", "err", errors.New("timeout"))
	list = p.List()
	require.Len(t, list, 2, "the same again")
	assert.Equal(t, 2, list[0].Times)

	for port := range 10 {
		log.Warn("homeserver did not answer", "error", fmt.Errorf("read tcp 127.0.0.1:%d->127.0.0.1:8008: connection reset", 40000+port))
	}
	list = p.List()
	require.Len(t, list, 3, "each connection has another port")
	assert.Equal(t, 10, list[0].Times)
	assert.Equal(t, "read tcp 127.0.0.1->127.0.0.1:8008: connection reset", list[0].Detail)

	for i := range 3 * maxProblems {
		log.Warn("x", "err", fmt.Sprint(i))
	}
	assert.Len(t, p.List(), maxProblems)
	log.WithGroup("g").Warn("grouped", "err", "e")
	assert.Equal(t, "grouped", p.List()[0].Text)
	assert.Nil(t, (*Problems)(nil).List())
}

// TestProblemsKeepNoSecret: whatever other packages put into their errors.
func TestProblemsKeepNoSecret(t *testing.T) {
	p := NewProblems()
	log := slog.New(p.Handler(slog.DiscardHandler))
	for _, secret := range []string{
		`Get "https://hs/_matrix/client/v3/sync?access_token=SECRET&since=1": refused`,
		"header Authorization: Bearer SECRET",
		"token SECRET is unknown",
		`{"password": "SECRET"}`,
		"psk key=SECRET",
		"user syt_SECRET gone", "macaroon MDAxSECRETSECRETSECRETSECRET",
	} {
		log.Warn(secret, "err", errors.New(secret))
		got := p.List()[0]
		assert.NotContains(t, got.Text+got.Detail, "SECRET")
	}
	log.Warn("long", "err", strings.Repeat("ä", 1000))
	assert.LessOrEqual(t, len(p.List()[0].Detail), maxDetail+len("…"))
}

// TestWords: each row of the table is a route that there is.
func TestWords(t *testing.T) {
	for _, tt := range []struct{ method, path, want string }{
		{"PUT", "/_matrix/client/v3/rooms/!r:s/send/m.room.message/1", "Sending a message"},
		{"GET", "/_matrix/client/v3/sync", "Waiting for news"},
		{"POST", "/_matrix/client/v3/keys/upload", "Uploading encryption keys"},
		{"GET", "/_matrix/client/v1/media/download/hs/id", "Loading a file"},
		{"POST", "/_matrix/media/v3/upload", "Uploading a file"},
		{"PUT", "/_matrix/client/v3/rooms/!r:s/typing/@u:s", "Telling that someone types"},
		{"GET", "/elsewhere", "GET other"},
		{"", "", "Receiving a request"},
	} {
		route := coap.Route(tt.method, tt.path)
		assert.Equal(t, tt.want, what(coap.RequestName{Method: tt.method, Path: tt.path, Route: route}))
	}
}

func TestFormat(t *testing.T) {
	assert.Equal(t, "999 B", bytesText(999))
	assert.Equal(t, "1.0 kB", bytesText(1000))
	assert.Equal(t, "100 kB", bytesText(99_960))
	assert.Equal(t, "1.2 MB", bytesText(1_234_567))
	assert.Equal(t, "75 bit/s", rateText(75.0/8))
	assert.Equal(t, "0 s", duration(0))
	assert.Equal(t, "120 ms", duration(0.12))
	assert.Equal(t, "9.2 s", duration(9.2))
	assert.Equal(t, "2 min 35 s", duration(155))
	assert.Equal(t, "4 min", duration(240))
	assert.Equal(t, "3 h", duration(3*3600))
	assert.Equal(t, "3 h 5 min", duration(3*3600+300))
	assert.Equal(t, "about 12 min left", leftText(TransferView{Left: 735}))
	assert.Equal(t, "time left unknown", leftText(TransferView{Left: -1}))
	assert.Equal(t, "–", percentText(-1))
	assert.Equal(t, "2.1 %", percentText(0.021))
}
