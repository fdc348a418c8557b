package endpoint

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// tenBytes is the modem's side of a link that carries ten bytes a second, so that
// ladders tell airtimes. A block of 64 bytes with its head has 93 bytes and takes
// 9.3 s; the least residual is that and twice the delay, 11.3 s; ACK_TIMEOUT less
// a full datagram and an empty acknowledgement leaves 79.6 s for the first one.
func tenBytes() Config {
	p := link.Default()
	p.AckTimeout, p.AckRandomFactor = 100*time.Second, 1
	p.EmptyAckDelay = 5 * time.Second
	p.BlockSize, p.MTU = 64, 200
	p.RateUp, p.RateDown, p.Overhead = 80, 80, 0
	p.OneWayDelay = time.Second
	return Config{Profile: p, Side: SideConstrained}
}

func (l *ladder) ping() {
	go func() { _ = l.conn.Ping(l.t.Context()) }()
}

// train has the estimator see a link that is as quick as it can be.
func (l *ladder) train() {
	l.ping()
	l.run(`
		< CON EMPTY #train t=
		> RST EMPTY #train
	`)
	time.Sleep(time.Second) // virtual: until it has left
}

func putBytes(path string, size int) *Request {
	r := get(path)
	r.Code, r.Body, r.Size = PUT, strings.NewReader(string(testBody(size))), int64(size)
	return r
}

// TestTimeoutCountsAirtime: what is long, or has a long answer, is waited for
// longer.
func TestTimeoutCountsAirtime(t *testing.T) {
	t.Run("first message: what ACK_TIMEOUT leaves", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.do(l.t.Context(), get("x"))
			l.run(`
				< CON GET #a t=$t /x Block2=0/0/64
				< CON GET #a t=$t /x Block2=0/0/64 @89.8s..89.8s
				< CON GET #a t=$t /x Block2=0/0/64 @179.6s..179.6s
			`)
		})
	})
	t.Run("a block is expected", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.train()
			l.do(l.t.Context(), get("x")) // 0.9 s + 9.3 s + 11.3 s
			l.run(`
				< CON GET #a t=$t /x Block2=0/0/64
				< CON GET #a t=$t /x Block2=0/0/64 @21.5s..21.5s
			`)
		})
	})
	t.Run("a long message", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.train()
			l.do(l.t.Context(), putBytes("x", 60)) // 7 s + 9.3 s + 11.3 s
			l.run(`
				< CON PUT #a t=$t /x Block2=0/0/64 [0:60]
				< CON PUT #a t=$t /x Block2=0/0/64 [0:60] @27.6s..27.6s
			`)
		})
	})
	t.Run("a smaller block is asked for", func(t *testing.T) {
		cfg := tenBytes()
		cfg.Profile.BlockSize = 32
		climb(t, cfg, func(l *ladder) {
			l.train()
			l.do(l.t.Context(), get("x")) // 0.9 s + 6.1 s + 8.1 s
			l.run(`
				< CON GET #a t=$t /x Block2=0/0/32
				< CON GET #a t=$t /x Block2=0/0/32 @15.1s..15.1s
			`)
		})
	})
	t.Run("a block goes up", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.train()
			l.do(l.t.Context(), putBytes("x", 100))
			// 7.8 s up, an empty acknowledgement held for 5 s and 0.4 s, and 11.3 s
			l.run(`
				< CON PUT #a t=$t /x Block1=0/1/64 Size1=100 [0:64]
				< CON PUT #a t=$t /x Block1=0/1/64 Size1=100 [0:64] @24.5s..24.5s
			`)
		})
	})
	t.Run("changes of direction", func(t *testing.T) {
		cfg := tenBytes()
		cfg.Profile.HalfDuplex, cfg.Profile.Turnaround, cfg.Profile.Preamble = true, 3*time.Second, 2*time.Second
		climb(t, cfg, func(l *ladder) {
			l.train()
			l.ping() // 0.4 s + 0.4 s + 2 × (3 s + 2 s) + 11.3 s
			l.run(`
				< CON EMPTY #a t=
				< CON EMPTY #a t= @22.1s..22.1s
			`)
		})
	})
	t.Run("the other side sends down", func(t *testing.T) {
		cfg := tenBytes()
		cfg.Side, cfg.Profile.RateDown = SideFar, 800
		climb(t, cfg, func(l *ladder) {
			l.train()
			l.ping() // 0.04 s + 0.4 s + 2 s + 9.3 s
			l.run(`
				< CON EMPTY #a t=
				< CON EMPTY #a t= @11740ms..11740ms
			`)
		})
	})
}

// TestTimeoutWithoutRates: it is that of RFC 7252 §4.2.
func TestTimeoutWithoutRates(t *testing.T) {
	unknownSide, unknownRate := tenBytes(), tenBytes()
	unknownSide.Side = SideUnknown
	unknownRate.Profile.RateDown = 0
	for _, cfg := range []Config{unknownSide, unknownRate} {
		climb(t, cfg, func(l *ladder) {
			l.train()
			l.ping()
			l.run(`
				< CON EMPTY #a t=
				< CON EMPTY #a t= @100s..100s
			`)
		})
	}
}

// TestTimerStartsWhenTheLastBitHasLeft: a message waits for all that this side has
// written, and its timer with it.
func TestTimerStartsWhenTheLastBitHasLeft(t *testing.T) {
	t.Run("behind another request", func(t *testing.T) {
		cfg := tenBytes()
		cfg.Profile.NStart = 2
		climb(t, cfg, func(l *ladder) {
			l.train()
			l.do(l.t.Context(), putBytes("a", 60))
			l.run(`< CON PUT #a t=$a /a Block2=0/0/64 [0:60]`)
			l.do(l.t.Context(), putBytes("b", 60))
			l.run(`
				< CON PUT #b t=$b /b Block2=0/0/64 [0:60] @6990ms..6990ms
				< CON PUT #a t=$a /a Block2=0/0/64 [0:60] @20610ms..20610ms
				< CON PUT #b t=$b /b Block2=0/0/64 [0:60] @7s..7s
				< CON PUT #a t=$a /a Block2=0/0/64 [0:60] @48.2s..48.2s
				< CON PUT #b t=$b /b Block2=0/0/64 [0:60] @7s..7s
			`)
		})
	})
	t.Run("behind answers", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.train()
			l.run(`
				> CON EMPTY #0001 t=
				< RST EMPTY #0001 t=
				> CON EMPTY #0002 t=
				< RST EMPTY #0002 t= @390ms..390ms
			`)
			l.ping() // 0.4 s are left, and 12.1 s
			l.run(`
				< CON EMPTY #a t= @400ms..400ms
				< CON EMPTY #a t= @12110ms..12110ms
			`)
		})
	})
	t.Run("and the gap after it", func(t *testing.T) {
		cfg := tenBytes()
		cfg.Profile.MinGap = 20 * time.Second
		climb(t, cfg, func(l *ladder) {
			l.train() // 19.4 s are left
			l.ping()  // 19.4 s before, 0.8 s, 2 × 1 s, 3 × 20 s and 9.3 s
			l.run(`
				< CON EMPTY #a t= @20390ms..20390ms
				< CON EMPTY #a t= @72110ms..72110ms
			`)
		})
	})
}

// TestFloodDoesNotPutOffOurs: a peer that asks for more answers than the link
// carries loses most of them, and what is ours goes between.
func TestFloodDoesNotPutOffOurs(t *testing.T) {
	climb(t, tenBytes(), func(l *ladder) {
		for mid := range 1000 {
			l.send(fmt.Sprintf("CON EMPTY #%04x t=", mid))
		}
		l.ping()
		answers, before := 0, -1
		for {
			data, ok := l.peer.next(30 * time.Second)
			if !ok {
				break
			}
			if m, err := ParseMessage(data); err == nil && m.Type == Confirmable {
				before = answers
				l.raw(emptyMessage(Reset, m.MessageID))
			} else {
				answers++
			}
		}
		require.Equal(t, 1+maxPassed, before)
		require.Equal(t, 1+maxUnconfirmed, answers)
	})
}

// TestResidualIsEstimated: as RFC 6298 §2 does, from messages that were sent once,
// and bounded.
func TestResidualIsEstimated(t *testing.T) {
	t.Run("smoothed", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			for range 2 {
				l.ping()
				l.run(`
					< CON EMPTY #a t=
					~ 20.8s
					> RST EMPTY #a t=
				`)
				delete(l.mids, "a")
			}
			l.ping() // 0.8 s + 20 s + 4 × 7.5 s
			l.run(`
				< CON EMPTY #a t=
				< CON EMPTY #a t= @50.8s..50.8s
			`)
		})
	})
	t.Run("from a piggybacked response", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.do(l.t.Context(), get("x"))
			// 0.9 s up, 4 + 1 + 1 + 54 bytes down, 20 s of residual
			l.run(`
				< CON GET #a t=$t /x Block2=0/0/64
				~ 26.9s
				> ACK 2.05 #a t=$t [0:54]
			`)
			l.ping() // 0.8 s + 20 s + 4 × 10 s
			l.run(`
				< CON EMPTY #b t=
				< CON EMPTY #b t= @60.8s..60.8s
			`)
		})
	})
	t.Run("not from what was sent twice", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.ping()
			l.run(`
				< CON EMPTY #a t=
				< CON EMPTY #a t= @80.4s..80.4s
				> RST EMPTY #a
			`)
			time.Sleep(time.Second) // virtual: until it has left
			l.ping()
			l.run(`
				< CON EMPTY #b t=
				< CON EMPTY #b t= @80.4s..80.4s
			`)
		})
	})
	t.Run("not from an acknowledgement that was held", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.do(l.t.Context(), get("x"))
			l.run(`
				< CON GET #a t=$t /x Block2=0/0/64
				~ 5s
				> ACK EMPTY #a
			`)
			l.ping()
			l.run(`
				< CON EMPTY #b t=
				< CON EMPTY #b t= @80.4s..80.4s
			`)
		})
	})
	t.Run("no longer than by RFC 7252", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.ping()
			l.run(`
				< CON EMPTY #a t=
				~ 60s
				> RST EMPTY #a
			`)
			l.ping()
			l.run(`
				< CON EMPTY #b t=
				< CON EMPTY #b t= @100s..100s
			`)
		})
	})
}

// TestGivesUpNoSooner than with the timeouts of RFC 7252 §4.2. Shorter timeouts make
// room for up to twice the retransmissions within MAX_TRANSMIT_SPAN, here 100 s.
func TestGivesUpNoSooner(t *testing.T) {
	cfg := tenBytes()
	cfg.Profile.MaxRetransmit = 1
	climb(t, cfg, func(l *ladder) {
		l.train()
		gaveUp := make(chan error, 1)
		go func() { gaveUp <- l.conn.Ping(l.t.Context()) }()
		l.run(`
			< CON EMPTY #a t=
			< CON EMPTY #a t= @12.1s..12.1s
			< CON EMPTY #a t= @24.2s..24.2s
			~ 263s
		`)
		require.Empty(t, gaveUp)
		l.run(`~ 1s`)
		require.ErrorIs(t, <-gaveUp, ErrTimeout)
	})
}

// TestTimeoutsAreSpread: only the residual is.
func TestTimeoutsAreSpread(t *testing.T) {
	cfg := tenBytes()
	cfg.Profile.AckRandomFactor = 1.5
	e := newEstimator(newTerms(&cfg))
	e.sample(0, 0, 0)
	ping := &Message{Type: Confirmable}
	seen := map[time.Duration]bool{}
	for range 100 {
		d := e.timeout(ping, headerLen)
		assert.GreaterOrEqual(t, d, 12100*time.Millisecond)
		assert.LessOrEqual(t, d, 17750*time.Millisecond)
		seen[d] = true
	}
	assert.Greater(t, len(seen), 90)
}

// TestTimeoutsFitTheProfiles: on no link that coapgw knows is a message repeated
// that was not lost, not even the longest one with the longest answer or an
// acknowledgement that is held.
func TestTimeoutsFitTheProfiles(t *testing.T) {
	const record = 29
	for _, p := range link.Profiles() {
		for _, side := range []Side{SideConstrained, SideFar} {
			cfg := Config{Profile: p, Side: side, Overhead: record}
			e := newEstimator(newTerms(&cfg))
			if e == nil {
				assert.Zero(t, p.RateUp*p.RateDown, p.Name)
				continue
			}
			e.sample(0, 0, 0)
			up := side == SideConstrained
			full := p.MaxDatagram(up)
			whole := p.Transit(full, up) + p.Transit(min(p.BlockSize+record+blockHead, p.MaxDatagram(!up)), !up)
			held := p.Transit(full, up) + p.EmptyAckDelay + p.Transit(headerLen+record, !up)
			d := e.timeout(&Message{Code: GET}, full-record)
			assert.GreaterOrEqual(t, d, max(whole, held), p.Name)
		}
	}
}

// TestSteadySlowLink: at 75 bit/s nothing is repeated that was not lost, though
// messages of 600 bytes follow many small ones in both directions; and what was
// lost is repeated once, after the timeout.
func TestSteadySlowLink(t *testing.T) {
	var took []time.Duration
	for _, lose := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p, _ := link.ByName("hf-s5066-75")
			p.EmptyAckDelay = 5 * time.Second // no allowance for it hides a wrong airtime
			p.AckTimeout, p.AckRandomFactor = 4*time.Minute, 1
			air := linkemu.FromProfile(p, 1)
			air.Up.Burst, air.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
			l := linkemu.New(air)
			defer l.Close()
			seen := &counter{}
			modem := &connected{Conn: l.Dial(modemAddr()), peer: linkemu.FarAddr()}
			client := New(modem, Config{Profile: p, Side: SideConstrained, Recorder: seen})
			defer client.Wait()
			defer client.Close()
			server := New(&connected{Conn: l.Listen(), peer: modemAddr()},
				Config{Profile: p, Side: SideFar, Handler: HandlerFunc(mirror), Recorder: seen})
			defer server.Wait()
			defer server.Close()
			client.SetPeer(p)
			server.SetPeer(p)

			for range 10 {
				require.NoError(t, client.Ping(t.Context()))
				require.NoError(t, server.Ping(t.Context()))
				exchangeBytes(t, client, 10)
			}
			modem.lose.Store(lose)
			begun := time.Now()
			exchangeBytes(t, client, 500)
			exchangeBytes(t, client, 10)
			exchangeBytes(t, client, 1500)
			took = append(took, time.Since(begun))
			if lose {
				assert.EqualValues(t, 1, seen.retransmitted.Load())
			} else {
				assert.Zero(t, seen.retransmitted.Load())
			}
		})
	}
	// A message of 511 bytes in a frame of 30 more was lost, and might have been
	// answered by a block of 571 and 30; two changes of direction cost 20 s. Then
	// there are 9.6 s of delay, and another block that might be on the air.
	assert.InDelta(t, 58+61+20+9.6+61, (took[1] - took[0]).Seconds(), 2)
}

// exchangeBytes has a body mirrored.
func exchangeBytes(t *testing.T, c *Conn, size int) {
	t.Helper()
	resp, err := c.Do(t.Context(), putBytes("x", size))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(body), string(testBody(size))))
}

func modemAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1} }

// connected is a socket of the emulated link with one peer.
type connected struct {
	*linkemu.Conn
	peer net.Addr
	lose atomic.Bool // the next datagram written
	dead atomic.Bool // loses what is written and read
}

func (c *connected) Read(p []byte) (int, error) {
	for {
		n, _, err := c.ReadFrom(p)
		if err != nil || !c.dead.Load() {
			return n, err
		}
	}
}

func (c *connected) Write(p []byte) (int, error) {
	if c.dead.Load() || c.lose.CompareAndSwap(true, false) {
		return len(p), nil
	}
	return c.WriteTo(p, c.peer)
}

func (c *connected) RemoteAddr() net.Addr { return c.peer }

// counter counts retransmissions.
type counter struct{ retransmitted atomic.Int32 }

func (c *counter) Record(e trace.Event) {
	if e.Kind == trace.Retransmitted {
		c.retransmitted.Add(1)
	}
}
