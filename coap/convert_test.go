package coap_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
)

// TestShortRequestsThatAreLong: what a coded request stands for is bounded for a session,
// however few bytes it has on the link: those here have 4 to 200 kB for a
// megabyte.
func TestShortRequestsThatAreLong(t *testing.T) {
	const length, maxBody, requests = 1 << 20, 2 << 20, 2
	v := newVersion2(t, shippedModel)
	repeated := `{"body":"` + strings.Repeat("a", length) + `"}`
	// Keys are numbers on the link: 5 bytes for 33.
	keys := "[" + strings.Repeat(`{"initial_device_display_name":0},`, length/34+10) + "0]"
	for _, tt := range []struct {
		name     string
		version2 *coap.Version2
		body     string
	}{
		{"version 2", v, repeated},
		{"version 1", nil, keys},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen, answer := make(chan int, 100), make(chan struct{})
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.ContentLength > 0 {
						seen <- int(r.ContentLength)
						<-answer
					}
					w.WriteHeader(http.StatusNotFound)
				})
				var up atomic.Int64
				l := serve(t, &coap.Server{Handler: h, Version2: tt.version2, MaxBody: maxBody}, func(_ string, datagram []byte) { up.Add(int64(len(datagram))) })
				status := make(chan int, 100)
				ask := func(c *coap.Transport, path, body string) {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://link/_matrix/client/v3/"+path, strings.NewReader(body))
					assert.NoError(t, err)
					r.Header.Set("Content-Type", "application/json")
					resp, err := c.RoundTrip(r)
					if assert.NoError(t, err) {
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
						status <- resp.StatusCode
					}
				}
				c := &coap.Transport{Dial: l.Dial, Version2: tt.version2}
				ask(c, "first", "")
				require.Equal(t, http.StatusNotFound, <-status)
				before := up.Load()
				for range requests {
					go ask(c, "createRoom", tt.body)
				}
				time.Sleep(time.Minute) // virtual
				assert.Equal(t, 1, len(seen), "two are more than there is room for")
				refused := requests - len(seen)
				for range refused {
					assert.Equal(t, http.StatusServiceUnavailable, <-status)
				}
				assert.Less(t, int(up.Load()-before)/requests, length/5)
				go ask(c, "short", `{"reason":"bye"}`)
				time.Sleep(time.Second)
				admitted := len(seen) - 1 // and the short one, which is never refused
				assert.Equal(t, requests-refused, admitted)
				close(answer)
				for range admitted + 1 {
					assert.Equal(t, http.StatusNotFound, <-status)
				}
				ask(c, "createRoom", tt.body)
				assert.Equal(t, http.StatusNotFound, <-status, "there is room again")
				require.NoError(t, c.Close())
			})
		})
	}
}

// TestLongRequests: a request that is read a second time, because it is long, is the same, and
// so are those that refer to it.
func TestLongRequests(t *testing.T) {
	v := newVersion2(t, shippedModel)
	var got string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = r.Method + " " + r.RequestURI + " " + string(body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"event_id":"$MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8"}`)
	})
	p := newPairOf(t, &coap.Server{Handler: h, Version2: v}, &coap.Transport{Version2: v})
	events := `[` + strings.Repeat(`{"type":"m.room.message","room_id":"!PlPiL6wQs5xqqYGa:example.org"},`, 20_000) + `{}]`
	for n, body := range []string{`{"body":"short"}`, `{"body":"` + strings.Repeat("a", 1<<20) + `"}`, `{"events":` + events + `}`, `{"body":"short"}`} {
		target := send + strconv.Itoa(n)
		resp, _ := p.do(t, "PUT", target, "tok", "application/json", body)
		require.Equal(t, 200, resp.StatusCode)
		require.True(t, got == "PUT "+target+" "+body, "request %d", n)
	}
}
