package endpoint

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestNoQueueOverflows: with several users who send, fetch and upload at the same
// time, in both directions, the queue of the link drops nothing; where a side has the
// link to itself, not even under an endless stream of messages that nobody confirms. A
// message that a person waits for is put off by a few datagrams at most.
func TestNoQueueOverflows(t *testing.T) {
	for _, name := range []string{
		"geo-vsat", "certus100", "gprs", "nbiot-ce2", "sixlowpan", "meshtastic-lf", "vhf-ax25-1200", "hf-s5066-75", "hf-vara500", "fosdem-100bps",
	} {
		t.Run(name, func(t *testing.T) {
			p, ok := link.ByName(name)
			require.True(t, ok)
			synctest.Test(t, func(t *testing.T) {
				air := linkemu.FromProfile(p, 1)
				air.Up.Burst, air.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
				l := linkemu.New(air)
				defer l.Close()
				client, server := linked(l, p)
				defer client.Wait()
				defer server.Wait()
				defer client.Close()
				defer server.Close()

				ctx, stop := context.WithCancel(t.Context())
				var load sync.WaitGroup
				for _, c := range []*Conn{client, server} {
					load.Go(func() {
						if p.HalfDuplex { // nobody tells whose turn it is
							return
						}
						m := Message{Type: NonConfirmable, Code: Content, Token: []byte{1}, Payload: testBody(p.BlockSize)}
						for ctx.Err() == nil {
							if c.lockWithID(ctx, &m.MessageID) != nil {
								return
							}
							c.mu.Unlock()
							data, err := AppendMessage(nil, &m)
							assert.NoError(t, err)
							_ = c.sendBulk(ctx, class{PriorityBulk, 9}, trace.Sent, data)
						}
					})
					for user := range Flow(3) {
						load.Go(func() {
							for ctx.Err() == nil {
								r := putBytes(fmt.Sprint(user), 20*p.BlockSize)
								r.Priority, r.Flow = PriorityBulk, user
								fetch(ctx, c, r)
							}
						})
					}
				}
				time.Sleep(2 * p.AckTimeout) // virtual: the load is on
				worst := time.Duration(0)
				for n := range 10 {
					r := putBytes("send", 40)
					r.Priority, r.Flow = PriorityInteractive, Flow(n%2)
					begun := time.Now()
					require.NoError(t, fetch(ctx, client, r))
					worst = max(worst, time.Since(begun))
				}
				stop()
				load.Wait()
				stats := l.Stats()
				assert.Zero(t, stats.Up.Dropped)
				assert.Zero(t, stats.Down.Dropped)
				assert.Zero(t, stats.Up.Violations+stats.Down.Violations)
				t.Logf("a send takes %v at most; %d datagrams up, %d down", worst.Round(time.Millisecond), stats.Up.Datagrams, stats.Down.Datagrams)
				// Those on their way with their answers, and itself with its own.
				full := p.Transit(p.MaxDatagram(true), true) + p.Transit(p.MaxDatagram(false), false)
				most := 3 * full
				if p.HalfDuplex { // and a turn of bulk from each side in front of it and of its answer
					most += 4 * p.MaxTurn
				}
				assert.Less(t, worst, most)
			})
		})
	}
}

// linked returns two sessions over a link that know each other.
func linked(l *linkemu.Link, p link.Profile) (client, server *Conn) {
	cfg := Config{Profile: p, Handler: HandlerFunc(sorted), Overhead: 29}
	cfg.Side = SideConstrained
	client = New(&connected{Conn: l.Dial(modemAddr()), peer: linkemu.FarAddr()}, cfg)
	cfg.Side = SideFar
	server = New(&connected{Conn: l.Listen(), peer: modemAddr()}, cfg)
	client.SetPeer(p)
	server.SetPeer(p)
	return client, server
}

// sorted is mirror with the priorities that the requests had.
func sorted(ctx context.Context, r *Request) *Response {
	r.Priority = PriorityBulk
	if path, _ := r.Options.Get(URIPath); string(path) == "send" {
		r.Priority = PriorityInteractive
	}
	return mirror(ctx, r)
}

// fetch has a body mirrored.
func fetch(ctx context.Context, c *Conn, r *Request) error {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
