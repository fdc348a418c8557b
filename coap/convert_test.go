package coap_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// TestShortRequestsThatAreLong: what a coded request stands for is bounded for a session and
// for all of them, however few bytes it has on the link: those here have 4 to 200 kB for a
// megabyte.
func TestShortRequestsThatAreLong(t *testing.T) {
	const length, maxBody = 1 << 20, 2 << 20
	v := newVersion2(t, shippedModel)
	repeated := `{"body":"` + strings.Repeat("a", length) + `"}`
	// Keys are numbers on the link: 5 bytes for 33.
	keys := "[" + strings.Repeat(`{"initial_device_display_name":0},`, length/34) + "0]"
	for _, tt := range []struct {
		name               string
		version2           *coap.Version2
		body               string
		sessions, requests int
		most               int // bodies at a time
	}{
		{"one session", v, repeated, 1, 5, maxBody / length},
		{"one session of version 1", nil, keys, 1, 5, maxBody / length},
		// Each may have what is its own, and they share the rest.
		{"all sessions", v, repeated, 5, 3, 5 + sharedBodies(maxBody, length)},
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
				up := 0
				l := pipe.Listen(func(_ string, datagram []byte) { up += len(datagram) })
				ctx, stop := context.WithCancel(t.Context())
				served := make(chan error)
				go func() {
					served <- (&coap.Server{Handler: h, Version2: tt.version2, MaxBody: maxBody}).Serve(ctx, l)
				}()
				var clients []*coap.Transport
				status := make(chan int, 100)
				ask := func(c *coap.Transport, path, body string) {
					r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://link/_matrix/client/v3/"+path, strings.NewReader(body))
					require.NoError(t, err)
					r.Header.Set("Content-Type", "application/json")
					resp, err := c.RoundTrip(r)
					if assert.NoError(t, err) {
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
						status <- resp.StatusCode
					}
				}
				for range tt.sessions {
					c := &coap.Transport{Dial: l.Dial, Version2: tt.version2}
					defer c.Close()
					clients = append(clients, c)
					ask(c, "first", "")
					require.Equal(t, http.StatusNotFound, <-status)
				}
				before := up
				for range tt.requests {
					for _, c := range clients {
						go ask(c, "createRoom", tt.body)
					}
				}
				time.Sleep(time.Minute) // virtual
				assert.LessOrEqual(t, len(seen), tt.most)
				assert.GreaterOrEqual(t, len(seen), tt.sessions, "each has one")
				refused := tt.sessions*tt.requests - len(seen)
				for range refused {
					assert.Equal(t, http.StatusServiceUnavailable, <-status)
				}
				assert.Less(t, (up-before)/(tt.sessions*tt.requests), length/5)
				go ask(clients[0], "short", `{"reason":"bye"}`)
				time.Sleep(time.Second)
				admitted := len(seen) - 1 // and the short one, which is never refused
				assert.Equal(t, tt.sessions*tt.requests-refused, admitted)
				close(answer)
				for range admitted + 1 {
					assert.Equal(t, http.StatusNotFound, <-status)
				}
				ask(clients[0], "createRoom", tt.body)
				assert.Equal(t, http.StatusNotFound, <-status, "there is room again")
				for _, c := range clients {
					require.NoError(t, c.Close())
				}
				stop()
				require.NoError(t, <-served)
			})
		})
	}
}

// sharedBodies is how many bodies of a length sessions may have beyond their own.
func sharedBodies(maxBody, length int) int { return 4 * maxBody / length }

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
	for n, body := range []string{`{"body":"short"}`, `{"body":"` + strings.Repeat("a", 1<<20) + `"}`, `{"events":` + events + `}`, `{"body":"short"}`, `{"events":` + events + `}`} {
		target := send + strconv.Itoa(n)
		resp, _ := p.do(t, "PUT", target, "tok", "application/json", body)
		require.Equal(t, 200, resp.StatusCode)
		require.True(t, got == "PUT "+target+" "+body, "request %d", n)
	}
}
