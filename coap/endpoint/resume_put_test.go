package endpoint

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestUploadResumes: the link is dead for longer than the client asks, its caller makes
// the request again, and the one handler gets the rest of the body.
func TestUploadResumes(t *testing.T) {
	const size = 400_000
	other := testBody(size)
	other[20_000]++
	forget := func(server *Conn) {
		server.mu.Lock()
		defer server.mu.Unlock()
		server.endGet(server.gets[0], "forgotten")
	}
	tests := []struct {
		name    string
		code    Code
		dead    func(p link.Profile) time.Duration // after the client gave up
		body    []byte
		between func(server *Conn)
		resumed bool
	}{
		{"PUT", PUT, soon, testBody(size), nil, true},
		{"POST", POST, soon, testBody(size), nil, true},
		{"another body", PUT, soon, other, nil, false},
		{"the client has forgotten", PUT, late, testBody(size), nil, false},
		{"the server has forgotten", PUT, soon, testBody(size), forget, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := link.ByName("gprs")
			p.BlockSize = 512
			air := linkemu.FromProfile(p, 1)
			air.Up.Burst, air.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
			var bodies [][]byte
			begun := 0
			h := HandlerFunc(func(_ context.Context, r *Request) *Response {
				begun++
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return &Response{Code: BadRequest}
				}
				bodies = append(bodies, body)
				return &Response{Code: Changed}
			})
			overLink(t, p, air, h, func(t *testing.T, client, server *Conn, l *linkemu.Link) {
				modem := client.nc.(*connected)
				request := func(body []byte) error {
					r := put("body", len(body))
					r.Code, r.Body = tt.code, io.MultiReader(bytes.NewReader(body))
					resp, err := client.Do(t.Context(), r)
					if err == nil {
						assert.Equal(t, Changed, resp.Code)
					}
					return err
				}
				time.AfterFunc(80*time.Second, func() { modem.dead.Store(true) })
				require.ErrorIs(t, request(testBody(size)), ErrTimeout)
				if tt.resumed {
					require.ErrorIs(t, request(testBody(size)), ErrTimeout, "and is parked again")
				}
				time.Sleep(tt.dead(p))
				if tt.between != nil {
					tt.between(server)
				}
				modem.dead.Store(false)
				before := l.Stats().Up.Bytes
				require.NoError(t, request(tt.body))
				require.Len(t, bodies, 1)
				require.True(t, bytes.Equal(tt.body, bodies[0]))
				if tt.resumed {
					assert.Equal(t, 1, begun)
					assert.Less(t, l.Stats().Up.Bytes-before, int64(size*3/4))
				} else {
					assert.Equal(t, 2, begun)
				}
				synctest.Wait()
				client.mu.Lock()
				defer client.mu.Unlock()
				assert.Empty(t, client.parkedPuts)
			})
		})
	}
}

// soon and late are within what a client remembers a transfer for, and after it.
func soon(link.Profile) time.Duration   { return 10 * time.Second }
func late(p link.Profile) time.Duration { return p.MaxTransmitWait() + time.Second }

// TestMediaResumes: 10 MiB go on where they stopped.
func TestMediaResumes(t *testing.T) {
	const size = 10 << 20
	p, _ := link.ByName("leo-broadband")
	air := linkemu.FromProfile(p, 1)
	executed := 0
	h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
		executed++
		return serveBody(size)(ctx, r)
	})
	overLink(t, p, air, h, func(t *testing.T, client, _ *Conn, l *linkemu.Link) {
		modem := client.nc.(*connected)
		resp, err := client.Do(t.Context(), get("body"))
		require.NoError(t, err)
		time.AfterFunc(700*time.Millisecond, func() { modem.dead.Store(true) })
		half, err := io.Copy(io.Discard, resp.Body)
		require.ErrorIs(t, err, ErrTimeout)
		require.Greater(t, half, int64(size/2))
		modem.dead.Store(false)
		before := l.Stats().Down.Bytes
		fetchBody(t, client, size)
		assert.Equal(t, 1, executed)
		assert.Less(t, l.Stats().Down.Bytes-before, int64(size/2))
		synctest.Wait()
		assert.Zero(t, client.kept.bytes.Load())
	})
}
