package gateway

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/internal/keys"
)

// TestRefusalsFillNoLog: who has a key cannot fill the disk with lines about what he was
// refused.
func TestRefusalsFillNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		told := 0
		guard := NewGuard(http.NotFoundHandler(), GuardOptions{Log: logger, Refused: func(Refusal) { told++ }})
		homeserver := roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusFound, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})
		clear := NewClearServe(ServeOptions{Homeserver: &url.URL{Scheme: "http", Host: "hs"}, Log: logger, Transport: homeserver}, []keys.Station{{}})
		for range 10 {
			for range 100 {
				do(guard, request(t, http.MethodGet, "/_synapse/admin", nil))
				do(clear, request(t, http.MethodGet, "/_synapse/admin", nil))
				do(clear, request(t, http.MethodGet, "/_matrix/client/v3/sync", nil))
			}
			time.Sleep(time.Second)
		}
		assert.Equal(t, 1000, told, "all are counted")
		assert.Equal(t, 10, strings.Count(log.String(), "does not pass"))
		assert.Equal(t, 10, strings.Count(log.String(), "must not go on air"))
		assert.Equal(t, 10, strings.Count(log.String(), "does not go on air"))
	})
}
