package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// fetchRequest asks for what the payload says.
func fetchRequest(payload string) *Request {
	return &Request{Code: FETCH, Body: strings.NewReader(payload), Size: int64(len(payload))}
}

// repeats answers a FETCH with its payload, that often.
func repeats(n int) HandlerFunc {
	return func(_ context.Context, r *Request) *Response {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Code != FETCH {
			return &Response{Code: BadRequest}
		}
		body = bytes.Repeat(body, n)
		return &Response{Code: Content, Body: bytes.NewReader(body), Size: int64(len(body))}
	}
}

// TestFetchesNeverMix: many at a time on one session that differ in their payload alone,
// with responses in blocks, towards anyone and between two coapgw, without loss and with.
func TestFetchesNeverMix(t *testing.T) {
	ways := map[string]func(*datagrams) net.Conn{"perfect": perfect, "lossy": twenty(3)}
	for way, wrap := range ways {
		for _, known := range []bool{false, true} {
			for _, long := range []bool{false, true} { // is the request in blocks too?
				t.Run(fmt.Sprint(way, ", known ", known, ", long ", long), func(t *testing.T) {
					var served atomic.Int32
					cfg := blocks(64, HandlerFunc(func(ctx context.Context, r *Request) *Response {
						served.Add(1)
						return repeats(20)(ctx, r)
					}))
					cfg.Profile.MaxRetransmit = 14
					together(t, cfg, cfg, wrap, func(t *testing.T, client, server *Conn) {
						if known {
							client.SetPeer(cfg.Profile)
							server.SetPeer(cfg.Profile)
						}
						var all sync.WaitGroup
						for i := range 20 {
							all.Go(func() {
								payload := fmt.Sprintf("%02d,", i)
								if long {
									payload = strings.Repeat(payload, 100)
								}
								resp, err := client.Do(t.Context(), fetchRequest(payload))
								require.NoError(t, err)
								got, err := io.ReadAll(resp.Body)
								require.NoError(t, err)
								require.Equal(t, strings.Repeat(payload, 20), string(got))
							})
						}
						all.Wait()
						assert.EqualValues(t, 20, served.Load())
						client.mu.Lock()
						defer client.mu.Unlock()
						assert.Empty(t, client.claims)
					})
				})
			}
		}
	}
}

// Towards a server that goes by options, all but one of the FETCHes with equal options
// have a tag, and so have all blocks of both bodies (RFC 9175 §3.3). The payload is not
// repeated (RFC 8132 §2.5).
func TestFetchRequestTag(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		one := l.do(l.t.Context(), fetchRequest("one"))
		l.run(`
			< CON FETCH #a t=$a "one"
			> ACK 2.05 #a t=$a Block2=0/1/16 "1111111111111111"
			< CON FETCH #b t=$a Block2=1/0/16
		`)
		two := l.do(l.t.Context(), fetchRequest("two"))
		l.run(`
			< CON FETCH #c t=$c RequestTag=01 "two"
			> ACK 2.05 #c t=$c Block2=0/1/16 "2222222222222222"
			< CON FETCH #d t=$c RequestTag=01 Block2=1/0/16
			> ACK 2.05 #b t=$a Block2=1/0/16 "1"
			> ACK 2.05 #d t=$c Block2=1/0/16 "2"
		`)
		require.Equal(t, outcome{code: Content, body: "11111111111111111"}, <-one)
		require.Equal(t, outcome{code: Content, body: "22222222222222222"}, <-two)
		three := l.do(l.t.Context(), fetchRequest("three"))
		l.run(`
			< CON FETCH #e t=$e "three"
			> ACK 2.05 #e t=$e "3"
		`)
		require.Equal(t, outcome{code: Content, body: "3"}, <-three)
	})
}

// A foreign client whose tokens change from block to block tells its FETCHes apart by a
// tag, or repeats the payload (RFC 8132 §2.3.2); one that keeps its tokens need not.
func TestFetchesOfForeignClients(t *testing.T) {
	for name, steps := range map[string]string{
		"tags": `
			> CON FETCH #0001 t=01 /x RequestTag=aa "1"
			< ACK 2.05 #0001 t=01 Block2=0/1/16 Size2=20 "1111111111111111"
			> CON FETCH #0002 t=02 /x RequestTag=bb "2"
			< ACK 2.05 #0002 t=02 Block2=0/1/16 Size2=20 "2222222222222222"
			> CON FETCH #0003 t=03 /x RequestTag=aa Block2=1/0/16
			< ACK 2.05 #0003 t=03 Block2=1/0/16 "1111"
			> CON FETCH #0004 t=04 /x RequestTag=bb Block2=1/0/16
			< ACK 2.05 #0004 t=04 Block2=1/0/16 "2222"
		`,
		"payloads": `
			> CON FETCH #0001 t=01 /x "1"
			< ACK 2.05 #0001 t=01 Block2=0/1/16 Size2=20 "1111111111111111"
			> CON FETCH #0002 t=02 /x "2"
			< ACK 2.05 #0002 t=02 Block2=0/1/16 Size2=20 "2222222222222222"
			> CON FETCH #0003 t=03 /x Block2=1/0/16 "1"
			< ACK 2.05 #0003 t=03 Block2=1/0/16 "1111"
			> CON FETCH #0004 t=04 /x Block2=1/0/16 "2"
			< ACK 2.05 #0004 t=04 Block2=1/0/16 "2222"
			> CON FETCH #0005 t=01 /x Block2=1/0/16 "3"
			< ACK 4.08 #0005 t=01
		`,
		"tokens": `
			> CON FETCH #0001 t=01 /x "1"
			< ACK 2.05 #0001 t=01 Block2=0/1/16 Size2=20 "1111111111111111"
			> CON FETCH #0002 t=02 /x "2"
			< ACK 2.05 #0002 t=02 Block2=0/1/16 Size2=20 "2222222222222222"
			> CON FETCH #0003 t=01 /x Block2=1/0/16
			< ACK 2.05 #0003 t=01 Block2=1/0/16 "1111"
			> CON FETCH #0004 t=02 /x Block2=1/0/16
			< ACK 2.05 #0004 t=02 Block2=1/0/16 "2222"
		`,
		"one after the other": `
			> CON FETCH #0001 t=01 /x "1"
			< ACK 2.05 #0001 t=01 Block2=0/1/16 Size2=20 "1111111111111111"
			> CON FETCH #0002 t=02 /x "2"
			< ACK 2.05 #0002 t=02 Block2=0/1/16 Size2=20 "2222222222222222"
			> CON FETCH #0003 t=03 /x Block2=1/0/16
			< ACK 2.05 #0003 t=03 Block2=1/0/16 "2222"
		`,
	} {
		t.Run(name, func(t *testing.T) {
			play(t, blocks(16, repeats(20)), steps)
		})
	}
}

// TestFetchResumes: as a GET does, if it asks for the same.
func TestFetchResumes(t *testing.T) {
	const size = 100_000
	p, _ := link.ByName("gprs")
	air := linkemu.FromProfile(p, 1)
	air.Up.Burst, air.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
	for again, resumed := range map[string]bool{"what": true, "whot": false, strings.Repeat("what", 300): false} {
		t.Run(again[:4], func(t *testing.T) {
			var executed atomic.Int32
			h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
				executed.Add(1)
				body, _ := io.ReadAll(r.Body)
				return repeats(size / len(body)).Admit(&Request{Code: FETCH, Body: bytes.NewReader(body)})(ctx)
			})
			overLink(t, p, air, h, func(t *testing.T, client, _ *Conn, l *linkemu.Link) {
				modem := client.nc.(*connected)
				resp, err := client.Do(t.Context(), fetchRequest("what"))
				require.NoError(t, err)
				time.Sleep(10 * time.Second) // half of it
				modem.dead.Store(true)
				_, err = io.ReadAll(resp.Body)
				require.ErrorIs(t, err, ErrTimeout)
				require.NoError(t, resp.Body.(io.Closer).Close())
				time.Sleep(10 * time.Second)
				modem.dead.Store(false)
				before := l.Stats().Down.Bytes
				// Not seekable, of unknown size.
				resp, err = client.Do(t.Context(), &Request{Code: FETCH, Body: io.MultiReader(strings.NewReader(again)), Size: -1})
				require.NoError(t, err)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.Equal(t, strings.Repeat(again, size/len(again)), string(got))
				assert.Equal(t, resumed, executed.Load() == 1)
				assert.Equal(t, resumed, l.Stats().Down.Bytes-before < size*2/3)
			})
		})
	}
}

// What the server has lost is found out by an inquiry, and made again by the caller.
func TestForgottenFetch(t *testing.T) {
	known(t, Config{Profile: testProfile(), Handler: slowly(10*time.Second, repeats(1))}, func(l *ladder) {
		result := l.do(l.t.Context(), fetchRequest("sync"))
		l.run(`
			< CON FETCH #a t=$t "sync"
			> ACK EMPTY #a
			< CON GET #i t=$t O265=   @62s..62s
			> ACK 4.04 #i t=$t
		`)
		require.Equal(t, outcome{err: ErrForgotten}, <-result)
		l.run(`
			> CON FETCH #0002 t=07 "sync"
			< ACK EMPTY #0002  @1s..1s
			> CON GET #0003 t=07 O265=
			< ACK EMPTY #0003
			< CON 2.05 #n t=07 "sync"  @9s..9s
			> ACK EMPTY #n
			> CON GET #0006 t=07 O265=
			< ACK 4.04 #0006 t=07
		`)
	})
}

// A FETCH is safe (RFC 8132 §2): it has no fingerprint, and is sent again however long
// the link was down.
func TestFetchIsSafe(t *testing.T) {
	prints := make(chan Fingerprint, 1)
	cfg := Config{Profile: testProfile(), Handler: HandlerFunc(func(_ context.Context, r *Request) *Response {
		prints <- r.Fingerprint
		return &Response{Code: Content}
	})}
	climb(t, cfg, func(l *ladder) {
		l.run(`
			> CON FETCH #0002 t=07 "what"
			< ACK 2.05 #0002 t=07
		`)
		require.Zero(t, <-prints)
		result := l.do(l.t.Context(), fetchRequest("what"))
		l.run(`< CON FETCH #a t=$t "what"`)
		l.conn.SetLink(false)
		time.Sleep(time.Hour)
		l.conn.SetLink(true)
		l.clock = time.Now()
		l.run(`
			< CON FETCH #a t=$t "what"
			> ACK 2.05 #a t=$t
		`)
		require.NoError(t, (<-result).err)
	})
}
