package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// overLink runs f with two sessions of this package over the link of a profile, in
// virtual time.
func overLink(t *testing.T, p link.Profile, air linkemu.Config, h Handler, f func(t *testing.T, client, server *Conn, l *linkemu.Link)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := linkemu.New(air)
		defer l.Close()
		client := New(&connected{Conn: l.Dial(modemAddr()), peer: linkemu.FarAddr()},
			Config{Profile: p, Side: SideConstrained, Overhead: 29})
		defer client.Wait()
		defer client.Close()
		server := New(&connected{Conn: l.Listen(), peer: modemAddr()},
			Config{Profile: p, Side: SideFar, Overhead: 29, Handler: h})
		defer server.Wait()
		defer server.Close()
		client.SetPeer(p)
		server.SetPeer(p)
		f(t, client, server, l)
	})
}

// download fetches what serveBody serves.
func fetchBody(t *testing.T, c *Conn, size int) time.Duration {
	t.Helper()
	begun := time.Now()
	resp, err := c.Do(t.Context(), get("body"))
	require.NoError(t, err)
	require.Equal(t, Content, resp.Code)
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.True(t, bytes.Equal(testBody(size), got))
	return time.Since(begun)
}

// TestBulkDownloadOnEveryLink: a body arrives exactly on all links, with their loss
// and jitter, and no datagram exceeds a queue or the MTU.
func TestBulkDownloadOnEveryLink(t *testing.T) {
	for _, p := range link.Profiles() {
		size := 100_000
		if p.RateDown < 1000 {
			size = 10_000
		}
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(p.Name, seed), func(t *testing.T) {
				overLink(t, p, linkemu.FromProfile(p, seed+1), serveBody(size), func(t *testing.T, client, _ *Conn, l *linkemu.Link) {
					took := fetchBody(t, client, size)
					s := l.Stats()
					t.Logf("%v, %d up %d B, %d down %d B, lost %d, dropped %d", took, s.Up.Datagrams, s.Up.Bytes, s.Down.Datagrams, s.Down.Bytes, s.Down.Lost, s.Down.Dropped)
					assert.Zero(t, s.Down.Dropped+s.Up.Dropped+s.Down.Violations+s.Up.Violations)
				})
			})
		}
	}
}

// sendBody puts a body that takeBody takes.
func sendBody(t *testing.T, c *Conn, size int) time.Duration {
	t.Helper()
	begun := time.Now()
	resp, err := c.Do(t.Context(), put("body", size))
	require.NoError(t, err)
	require.Equal(t, Changed, resp.Code)
	return time.Since(begun)
}

// TestBulkUploadOnEveryLink: the other way.
func TestBulkUploadOnEveryLink(t *testing.T) {
	for _, p := range link.Profiles() {
		size := 100_000
		if p.RateDown < 1000 {
			size = 10_000
		}
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(p.Name, seed), func(t *testing.T) {
				overLink(t, p, linkemu.FromProfile(p, seed+1), HandlerFunc(takeBody), func(t *testing.T, client, _ *Conn, l *linkemu.Link) {
					took := sendBody(t, client, size)
					s := l.Stats()
					t.Logf("%v, %d up %d B, %d down %d B, lost %d, dropped %d", took, s.Up.Datagrams, s.Up.Bytes, s.Down.Datagrams, s.Down.Bytes, s.Up.Lost, s.Up.Dropped)
					assert.Zero(t, s.Down.Dropped+s.Up.Dropped+s.Down.Violations+s.Up.Violations)
				})
			})
		}
	}
}

// TestBulkAtTwentyPercentLoss: with that much loss both ways, on a link of which the
// profile tells little, bodies arrive exactly and a request is executed once.
func TestBulkAtTwentyPercentLoss(t *testing.T) {
	p := link.Default()
	p.MaxRetransmit = 8
	for seed := range uint64(8) {
		air := linkemu.FromProfile(p, seed)
		air.Up.Delay, air.Down.Delay, air.Up.Rate, air.Down.Rate = 300*time.Millisecond, 300*time.Millisecond, 64_000, 64_000
		air.Up.Loss, air.Down.Loss, air.Up.Jitter, air.Down.Jitter = 0.2, 0.2, 50*time.Millisecond, 50*time.Millisecond
		executed := 0
		h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
			if r.Code != PUT {
				return serveBody(100_000)(ctx, r)
			}
			executed++
			return takeBody(ctx, r)
		})
		overLink(t, p, air, h, func(t *testing.T, client, _ *Conn, _ *linkemu.Link) {
			took := fetchBody(t, client, 100_000)
			t.Log(took, sendBody(t, client, 100_000))
			assert.Equal(t, 1, executed)
		})
	}
}

// TestBulkRepeatedAndReordered: with loss, repetition and reordering, and several
// bodies at a time both ways, each arrives exactly and each request is executed once.
func TestBulkRepeatedAndReordered(t *testing.T) {
	for seed := range uint64(5) {
		var executed atomic.Int32
		h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
			executed.Add(1)
			return mirror(ctx, r)
		})
		cfg := Config{Profile: testProfile(), Handler: h}
		cfg.Profile.MaxRetransmit = 14
		together(t, cfg, cfg, twenty(seed), func(t *testing.T, client, server *Conn) {
			client.SetPeer(cfg.Profile)
			server.SetPeer(cfg.Profile)
			var all sync.WaitGroup
			for i := range 10 {
				all.Go(func() {
					body := testBody(1 + i*9770)
					resp, err := client.Do(t.Context(), putBytes("x", len(body)))
					require.NoError(t, err)
					got, err := io.ReadAll(resp.Body)
					require.NoError(t, err)
					require.True(t, bytes.Equal(append([]byte("/x "), body...), got))
				})
			}
			all.Wait()
			assert.EqualValues(t, 10, executed.Load())
		})
	}
}

// TestBulkOverWorseLinks: a link that carries a quarter of what its profile says, with
// a short queue, is filled and not flooded.
func TestBulkOverWorseLinks(t *testing.T) {
	const size = 4 << 20
	p, _ := link.ByName("geo-vsat")
	air := linkemu.FromProfile(p, 1)
	air.Down.Rate /= 4
	air.Down.Queue = 200_000
	air.Down.Burst = link.GilbertElliott{}
	overLink(t, p, air, serveBody(size), func(t *testing.T, client, _ *Conn, l *linkemu.Link) {
		took, s := fetchBody(t, client, size), l.Stats()
		ideal := time.Duration(size * 8 / air.Down.Rate * float64(time.Second))
		t.Logf("%v instead of %v, %d of %d dropped", took, ideal, s.Down.Dropped, s.Down.Datagrams)
		assert.Less(t, took, 2*ideal)
		assert.Less(t, s.Down.Dropped, s.Down.Datagrams/5)
	})
}

// TestUploadsShareATurn: several bodies on a half-duplex link take no longer a turn than
// one does, but for one block each.
func TestUploadsShareATurn(t *testing.T) {
	p, _ := link.ByName("hf-s5066-2400")
	const bodies = 4
	overLink(t, p, linkemu.FromProfile(p, 1), HandlerFunc(takeBody), func(t *testing.T, client, _ *Conn, _ *linkemu.Link) {
		var all sync.WaitGroup
		for range bodies {
			all.Go(func() { sendBody(t, client, 20_000) })
		}
		most := 0
		for client.putting.Load() < bodies {
			time.Sleep(time.Second)
		}
		for client.putting.Load() == bodies {
			time.Sleep(time.Second)
			turn, full := 0, 0
			client.mu.Lock()
			for _, x := range client.exchanges {
				if s := x.putting; s != nil {
					s.mu.Lock()
					turn, full = turn+s.burst(), s.path.burst
					s.mu.Unlock()
				}
			}
			client.mu.Unlock()
			assert.LessOrEqual(t, turn, full+bodies)
			most = max(most, turn)
		}
		assert.Positive(t, most)
		all.Wait()
	})
}

// TestUploadToSlowReader: a handler that pauses holds the upload up, and does not end it:
// the peer acknowledges what it is asked.
func TestUploadToSlowReader(t *testing.T) {
	const size = 4 << 20
	p, _ := link.ByName("leo-broadband")
	h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
		time.Sleep(20 * time.Minute) // virtual
		return takeBody(ctx, r)
	})
	overLink(t, p, linkemu.FromProfile(p, 1), h, func(t *testing.T, client, _ *Conn, l *linkemu.Link) {
		assert.Less(t, sendBody(t, client, size), 25*time.Minute)
		assert.Less(t, l.Stats().Up.Datagrams, int64(2*size/p.BlockSize))
	})
}
