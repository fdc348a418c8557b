package endpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// sighting is what Stats said of a transfer at a moment.
type sighting struct {
	at time.Time
	Transfer
}

// watch looks at the transfers of a session until stop is called, which returns what was
// seen of the only one.
func watch(t *testing.T, c *Conn, every time.Duration) (stop func() []sighting) {
	t.Helper()
	var seen []sighting
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-t.Context().Done():
				return
			case <-time.After(every):
			}
			transfers := c.Stats().Transfers
			if len(transfers) > 0 {
				seen = append(seen, sighting{time.Now(), transfers[0]})
			}
			assert.LessOrEqual(t, len(transfers), 1)
		}
	}()
	return func() []sighting {
		close(done)
		<-ended
		return seen
	}
}

// TestTransferTellsTimeLeft: on links of known rates both ends tell when a body will have
// come, at the first block by the profile, later by what they measured.
func TestTransferTellsTimeLeft(t *testing.T) {
	for _, tt := range []struct {
		profile string
		size    int
		every   time.Duration // how often to look
	}{
		{"geo-vsat", 400_000, 20 * time.Millisecond},
		{"iridium-2400", 20_000, time.Second},
		{"hf-vara500", 10_000, time.Second},
		{"hf-s5066-75", 4_000, time.Second},
		{"nbiot-ce2", 20_000, time.Second},
	} {
		for _, upload := range []bool{false, true} {
			name := tt.profile + " down"
			if upload {
				name = tt.profile + " up"
			}
			t.Run(name, func(t *testing.T) {
				p, ok := link.ByName(tt.profile)
				require.True(t, ok)
				p.Loss = link.GilbertElliott{}
				h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
					r.SetLabel("theirs")
					if upload {
						return takeBody(ctx, r)
					}
					return &Response{Code: Content, Body: io.MultiReader(bytes.NewReader(testBody(tt.size))), Size: int64(tt.size)}
				})
				overLink(t, p, linkemu.FromProfile(p, 1), h, func(t *testing.T, client, server *Conn, _ *linkemu.Link) {
					atClient, atServer := watch(t, client, tt.every), watch(t, server, tt.every)
					r := get("body")
					if upload {
						r = put("body", tt.size)
						r.Size = int64(tt.size)
					}
					r.Label = "ours"
					resp, err := client.Do(t.Context(), r)
					require.NoError(t, err)
					_, err = io.ReadAll(resp.Body)
					require.NoError(t, err)
					time.Sleep(3 * p.MaxTransmitWait()) // who sends may wait for a last word
					checkSightings(t, atClient(), "ours", upload, tt.size)
					checkSightings(t, atServer(), "theirs", !upload, tt.size)
					assert.Empty(t, client.Stats().Transfers)
					assert.Empty(t, server.Stats().Transfers)
				})
			})
		}
	}
}

func checkSightings(t *testing.T, seen []sighting, label string, sending bool, size int) {
	t.Helper()
	require.Greater(t, len(seen), 10, label)
	last := seen[len(seen)-1]
	end := last.at
	for _, s := range seen {
		if s.Done == s.Total {
			end = s.at
			break
		}
	}
	took := end.Sub(last.Began)
	before := int64(0)
	for _, s := range seen {
		require.Equal(t, sending, s.Sending)
		require.Equal(t, label, s.Label)
		require.EqualValues(t, size, s.Total)
		require.GreaterOrEqual(t, s.Done, before)
		before = s.Done
		left := end.Sub(s.at)
		if left < took/10 {
			continue
		}
		const factor = 1.8 // by which the estimate may be wrong
		require.GreaterOrEqual(t, float64(s.Left), float64(left)/factor-float64(took)/12, "%s: %d of %d, %v left of %v", label, s.Done, s.Total, left, took)
		require.LessOrEqual(t, float64(s.Left), float64(left)*factor+float64(took)/12, "%s: %d of %d, %v left of %v", label, s.Done, s.Total, left, took)
	}
}

// TestTransferOneBlockAtATime: the same where the peer is not known to be one of ours.
func TestTransferOneBlockAtATime(t *testing.T) {
	p, _ := link.ByName("iridium-2400")
	p.Loss = link.GilbertElliott{}
	const size = 10_000
	h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
		r.SetLabel("theirs")
		if r.Code == PUT {
			return takeBody(ctx, r)
		}
		return &Response{Code: Content, Body: io.MultiReader(bytes.NewReader(testBody(size))), Size: size}
	})
	synctest.Test(t, func(t *testing.T) {
		l := linkemu.New(linkemu.FromProfile(p, 1))
		defer l.Close()
		client := New(&connected{Conn: l.Dial(modemAddr()), peer: linkemu.FarAddr()}, Config{Profile: p, Side: SideConstrained, Overhead: 29})
		defer client.Wait()
		defer client.Close()
		server := New(&connected{Conn: l.Listen(), peer: modemAddr()}, Config{Profile: p, Side: SideFar, Overhead: 29, Handler: h})
		defer server.Wait()
		defer server.Close()
		for _, upload := range []bool{true, false} {
			atClient, atServer := watch(t, client, time.Second), watch(t, server, time.Second)
			r := get("body")
			if upload {
				r = put("body", size)
				r.Size = size
			}
			r.Label = "ours"
			resp, err := client.Do(t.Context(), r)
			require.NoError(t, err)
			_, err = io.ReadAll(resp.Body)
			require.NoError(t, err)
			checkSightings(t, atClient(), "ours", upload, size)
			checkSightings(t, atServer(), "theirs", !upload, size)
			time.Sleep(3 * p.MaxTransmitWait())
		}
		assert.Empty(t, client.Stats().Transfers)
		assert.Empty(t, server.Stats().Transfers)
	})
}

// TestTransferUnknown: nothing is promised where neither the length nor the link is known.
func TestTransferUnknown(t *testing.T) {
	y := &tally{}
	tr := &transfer{y: y, total: -1, began: time.Now()}
	tr.past.add(tr.began, 0)
	assert.EqualValues(t, -1, tr.snapshot(time.Now()).Left)
	tr.total = 1000
	s := tr.snapshot(tr.began)
	assert.EqualValues(t, -1, s.Left)
	assert.Zero(t, s.Rate)
	var none *transfer
	none.advance(1)
	none.add(1)
	none.resumed(1)
	none.name("x")
	none.end()
}

// TestTransferStalls: while nothing comes, the time left grows.
func TestTransferStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &tally{}
		tr := &transfer{y: y, total: 10_000, turn: time.Second, rate: 100, began: time.Now()}
		tr.past.add(tr.began, 0)
		assert.Equal(t, 100*time.Second, tr.snapshot(time.Now()).Left)
		for range 50 {
			time.Sleep(time.Second)
			tr.add(100)
		}
		assert.InDelta(t, 50, tr.snapshot(time.Now()).Left.Seconds(), 1)
		time.Sleep(time.Minute)
		assert.Greater(t, tr.snapshot(time.Now()).Left, 2*time.Minute)
		assert.LessOrEqual(t, len(tr.past.marks), maxMoments)
	})
}

// TestStatsCount: what was sent and received on a link that loses, the round trip, and
// what is under way.
func TestStatsCount(t *testing.T) {
	p, _ := link.ByName("iridium-2400")
	p.Loss = link.GilbertElliott{LossGood: 0.2}
	overLink(t, p, linkemu.FromProfile(p, 3), HandlerFunc(mirror), func(t *testing.T, client, server *Conn, l *linkemu.Link) {
		assert.Equal(t, -1.0, client.Stats().LossSent)
		for range 200 {
			resp, err := client.Do(t.Context(), get("x"))
			require.NoError(t, err)
			_, _ = io.ReadAll(resp.Body)
		}
		time.Sleep(time.Hour)
		air, c, s := l.Stats(), client.Stats(), server.Stats()
		assert.Equal(t, "iridium-2400", c.Profile)
		assert.EqualValues(t, air.Up.Datagrams, c.Sent.Datagrams)
		// The emulated link carries no records, which the session counts.
		assert.EqualValues(t, air.Up.Bytes+29*air.Up.Datagrams, c.Sent.LinkBytes)
		assert.EqualValues(t, air.Up.Payload, c.Sent.Bytes)
		assert.EqualValues(t, air.Down.Datagrams-air.Down.Lost, c.Received.Datagrams)
		assert.EqualValues(t, air.Down.Datagrams, s.Sent.Datagrams)
		assert.Equal(t, p.Airtime(int(c.Sent.Bytes+29*c.Sent.Datagrams), true).Round(time.Second),
			(c.Sent.Airtime - time.Duration(c.Sent.Datagrams-1)*p.Airtime(0, true)).Round(time.Second))
		assert.Greater(t, c.Retransmissions, uint64(40))
		assert.Equal(t, uint64(200), c.Sent.Datagrams-c.Retransmissions)
		assert.InDelta(t, 0.36, c.LossSent, 0.15, "a message or its answer is lost")
		assert.Greater(t, s.Duplicates, uint64(10))
		assert.Greater(t, c.RoundTrip.Samples, uint64(100))
		least := p.Transit(10, true) + p.Transit(10, false) - 2*p.Jitter
		assert.GreaterOrEqual(t, c.RoundTrip.Least, least/2)
		assert.GreaterOrEqual(t, c.RoundTrip.Smoothed, c.RoundTrip.Least)
		assert.Zero(t, c.Outstanding+c.Waiting+c.Queued+c.Requests+c.Serving+s.Serving)
	})
}

// TestStatsOfWhatWaits: queues are seen while they are there, and a session that has ended
// still tells what it has counted.
func TestStatsOfWhatWaits(t *testing.T) {
	cfg := Config{Profile: testProfile()}
	cfg.Profile.NStart = 1
	deaf := func(d *datagrams) net.Conn { return &silent{d} }
	together(t, cfg, cfg, deaf, func(t *testing.T, client, _ *Conn) {
		failed := make(chan error)
		for range 3 {
			go func() {
				_, err := client.Do(t.Context(), get("x"))
				failed <- err
			}()
		}
		synctest.Wait()
		s := client.Stats()
		assert.Equal(t, 1, s.Outstanding)
		assert.Equal(t, 2, s.Waiting)
		assert.Equal(t, 3, s.Requests)
		client.SetLink(false)
		s = client.Stats()
		assert.True(t, s.Down)
		assert.Equal(t, time.Now(), s.DownSince)
		client.Close()
		for range 3 {
			assert.True(t, errors.Is(<-failed, ErrClosed))
		}
		assert.EqualValues(t, 1, client.Stats().Sent.Datagrams)
	})
}

// silent loses all that is written.
type silent struct{ *datagrams }

func (silent) Write(p []byte) (int, error) { return len(p), nil }
