package endpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// topics is a resource of which a FETCH says what to observe.
type topics struct {
	mu        sync.Mutex
	observers map[string]*Observer
	times     int // how often a topic stands in the answer to its registration
}

func (s *topics) Admit(r *Request) func(context.Context) *Response {
	return func(context.Context) *Response {
		topic, err := io.ReadAll(r.Body)
		if err != nil {
			return &Response{Code: BadRequest}
		}
		if o, err := r.StartObservation(); err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.observers[string(topic)] = o
		} else if !errors.Is(err, ErrNoRegistration) {
			return &Response{Code: InternalServerError}
		}
		return s.news(string(topic), s.times)
	}
}

func (s *topics) news(topic string, times int) *Response {
	body := strings.Repeat(topic, times)
	return &Response{Code: Content, Body: strings.NewReader(body), Size: int64(len(body))}
}

func (s *topics) observer(topic string) *Observer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.observers[topic]
}

// TestFetchObserved: RFC 8132 §2.4, both roles.
func TestFetchObserved(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		s := &topics{observers: map[string]*Observer{}, times: 1}
		climb(t, Config{Profile: testProfile(), Handler: s}, func(l *ladder) {
			l.run(`
				> CON FETCH #0001 t=4a Observe=0 /x "one"
				< ACK 2.05 #0001 t=4a Observe=0 "one"
				> CON FETCH #0002 t=4b Observe=0 /x "two"
				< ACK 2.05 #0002 t=4b Observe=1 "two"
			`)
			for i, topic := range []string{"one", "two"} {
				done := make(chan error)
				go func() { done <- s.observer(topic).Notify(l.t.Context(), s.news(topic, 2)) }()
				l.run(fmt.Sprintf(`
					< CON 2.05 #n%[1]d t=%[2]s Observe=%[3]d "%[4]s%[4]s"
					> ACK EMPTY #n%[1]d
				`, i, []string{"4a", "4b"}[i], i+2, topic))
				require.NoError(t, <-done)
			}
			one := s.observer("one")
			l.run(`
				> CON FETCH #0003 t=4a Observe=0 /x "uno"
				< ACK 2.05 #0003 t=4a Observe=4 "uno"
			`)
			require.ErrorIs(t, one.Notify(l.t.Context(), s.news("one", 1)), ErrObserverGone)
			l.run(`
				> CON FETCH #0004 t=4a Observe=1 /x
				< ACK 2.05 #0004 t=4a
			`)
			require.ErrorIs(t, s.observer("uno").Notify(l.t.Context(), s.news("uno", 1)), ErrObserverGone)
			<-s.observer("uno").Done()
		})
	})
	t.Run("client", func(t *testing.T) {
		climb(t, Config{Profile: testProfile()}, func(l *ladder) {
			w := l.observeRequest(fetchRequest("one"), `
				< CON FETCH #a t=$t Observe=0 "one"
				> ACK 2.05 #a t=$t Observe=9 "1"
			`)
			require.NoError(t, w.err)
			result := make(chan error, 1)
			l.run(`
				> CON 2.05 #0001 t=$t Observe=10 "11"
				< ACK EMPTY #0001
			`)
			go func() { result <- w.obs.Reregister(l.t.Context(), fetchRequest("uno")) }()
			l.run(`
				< CON FETCH #b t=$t Observe=0 "uno"
				> ACK EMPTY #b
				> CON 2.05 #0002 t=$t Observe=11 "1"
				< ACK EMPTY #0002
			`)
			require.NoError(t, <-result)
			go func() { result <- w.obs.Cancel(l.t.Context()) }()
			l.run(`
				< CON FETCH #c t=$t Observe=1
				> ACK 2.05 #c t=$t
			`)
			require.NoError(t, <-result)
			require.Equal(t, []string{"2.05 1", "2.05 11", "2.05 1"}, w.delivered)
		})
	})
}

// Callers see what belongs to an observation, the first response included.
func TestObserved(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		w := l.observe(registered)
		l.run(`
			> CON 2.05 #0001 t=$t Observe=10 Block2=0/1/16 "0123456789abcdef"
			< ACK EMPTY #0001
			< CON GET #b t=$u /temperature Block2=1/0/16
			> ACK 2.05 #b t=$u Block2=1/0/16 "ghi"
			> CON 4.04 #0002 t=$t
			< ACK EMPTY #0002
		`)
		require.Equal(t, []bool{true, true, false}, w.observed)
		w = l.observe(`
			< CON GET #v t=$v Observe=0 /temperature
			> ACK 2.05 #v t=$v "18.5 Cel"
		`)
		require.ErrorIs(t, w.err, ErrNotObserved)
		require.Equal(t, []bool{false}, w.observed)
		resp := make(chan *Response, 1)
		go func() {
			r, _ := l.conn.Do(l.t.Context(), get("x"))
			resp <- r
		}()
		l.run(`
			< CON GET #x t=$x /x
			> ACK 2.05 #x t=$x Observe=0
		`)
		require.True(t, (<-resp).Observed)
	})
}

// TestFetchesObservedInBlocks: registrations, their answers and notifications of many
// blocks, with equal options, and other FETCHes between them.
func TestFetchesObservedInBlocks(t *testing.T) {
	for run := range uint64(10) {
		known := run%2 == 1
		t.Run(fmt.Sprint("known ", known, run), func(t *testing.T) {
			s := &topics{observers: map[string]*Observer{}, times: 3}
			cfg := blocks(64, s)
			cfg.Profile.MaxRetransmit = 14
			together(t, cfg, cfg, twenty(run), func(t *testing.T, client, server *Conn) {
				if known {
					client.SetPeer(cfg.Profile)
					server.SetPeer(cfg.Profile)
				}
				var all sync.WaitGroup
				for i := range 6 {
					all.Go(func() {
						topic := strings.Repeat(fmt.Sprintf("%02d,", i), 10+i%2*90)
						got := make(chan string, 10)
						o, err := client.Observe(t.Context(), fetchRequest(topic), func(r *Response) error {
							body, err := io.ReadAll(r.Body)
							got <- string(body)
							assert.True(t, r.Observed)
							return err
						})
						require.NoError(t, err)
						require.Equal(t, strings.Repeat(topic, 3), <-got)
						again := strings.ToUpper(topic + "again")
						for _, round := range []string{topic, again} {
							if round == again {
								require.NoError(t, o.Reregister(t.Context(), fetchRequest(again)))
								require.Equal(t, strings.Repeat(again, 3), <-got)
							}
							for times := 1; times < 4; times++ {
								all.Go(func() {
									resp, err := client.Do(t.Context(), fetchRequest("plain"+topic))
									require.NoError(t, err)
									body, err := io.ReadAll(resp.Body)
									require.NoError(t, err)
									require.Equal(t, strings.Repeat("plain"+topic, 3), string(body))
								})
								require.NoError(t, s.observer(round).Notify(t.Context(), s.news(round, times)))
								require.Equal(t, strings.Repeat(round, times), <-got)
							}
						}
						require.NoError(t, o.Cancel(t.Context()))
						<-s.observer(again).Done()
					})
				}
				all.Wait()
				synctest.Wait()
				client.mu.Lock()
				defer client.mu.Unlock()
				assert.Empty(t, client.claims)
			})
		})
	}
}

// A peer that does not register answers as it would have otherwise, with however many
// blocks.
func TestNotObservedInBlocks(t *testing.T) {
	for _, known := range []bool{false, true} {
		for _, code := range []Code{GET, FETCH} {
			t.Run(fmt.Sprint(code, ", known ", known), func(t *testing.T) {
				cfg := blocks(64, serveBody(1000))
				together(t, cfg, cfg, perfect, func(t *testing.T, client, server *Conn) {
					if known {
						client.SetPeer(cfg.Profile)
						server.SetPeer(cfg.Profile)
					}
					r := &Request{Code: code}
					if code == FETCH {
						r = putBytes("x", 200)
						r.Code = FETCH
					}
					var got []byte
					_, err := client.Observe(t.Context(), r, func(r *Response) (err error) {
						got, err = io.ReadAll(r.Body)
						return err
					})
					require.ErrorIs(t, err, ErrNotObserved)
					require.True(t, bytes.Equal(testBody(1000), got), "%d bytes", len(got))
					synctest.Wait()
					client.mu.Lock()
					defer client.mu.Unlock()
					assert.Empty(t, client.exchanges)
					assert.Empty(t, client.claims)
				})
			})
		}
	}
}

// A registration made again in blocks uses the token of the one before, of which the peer
// still knows: its first block goes alone, so that the rest finds a transfer of its own.
// Notifications that come meanwhile are none of its reply.
func TestReregisterInBlocks(t *testing.T) {
	known(t, blocks(16, nil), func(l *ladder) {
		w := l.observeRequest(putBytes("x", 40), `
			< NON PUT #a t=$t Observe=0 QBlock1=0/1/16 Size1=40 /x [0:16]
			< NON PUT #b t=$t QBlock1=1/1/16 [16:32]
			< CON PUT #c t=$t QBlock1=2/0/16 [32:40]
			> ACK 2.05 #c t=$t Observe=10 "1"
		`)
		require.NoError(t, w.err)
		result := make(chan error, 1)
		go func() { result <- w.obs.Reregister(l.t.Context(), putBytes("x", 40)) }()
		l.run(`
			< CON PUT #d t=$t Observe=0 QBlock1=0/1/16 Size1=40 /x [0:16]
			> CON 2.05 #0001 t=$t Observe=11 "of before"
			< ACK EMPTY #0001
			< CON PUT #d t=$t Observe=0 QBlock1=0/1/16 Size1=40 /x [0:16]  @2s..2s
			> ACK 2.31 #d t=$t QBlock1=1/1/16
			< NON PUT #e t=$t QBlock1=1/1/16 [16:32]
			< CON PUT #f t=$t QBlock1=2/0/16 [32:40]
			> ACK EMPTY #f
			> CON 2.05 #0002 t=$t Observe=12 "anew"
			< ACK EMPTY #0002
		`)
		require.NoError(t, <-result)
		synctest.Wait()
		require.Equal(t, []string{"2.05 1", "2.05 of before", "2.05 anew"}, w.delivered)
	})
}

// A registration made again with other options has those for itself as well.
func TestReregisterWithOtherOptions(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		one := l.observeRequest(get("one"), `
			< CON GET #a t=$a Observe=0 /one
			> ACK 2.05 #a t=$a Observe=1
		`)
		two := l.observeRequest(get("two"), `
			< CON GET #b t=$b Observe=0 /two
			> ACK 2.05 #b t=$b Observe=2
		`)
		result := make(chan error, 1)
		for i, steps := range []string{`
			< CON GET #c t=$a Observe=0 /two RequestTag=01
			> ACK 2.05 #c t=$a Observe=3
		`, `
			< CON GET #d t=$a Observe=0 /two RequestTag=01
			> ACK 2.05 #d t=$a Observe=4
		`, `
			< CON GET #e t=$a Observe=0 /one
			> ACK 2.05 #e t=$a Observe=5
		`} {
			go func() { result <- one.obs.Reregister(l.t.Context(), get([]string{"two", "two", "one"}[i])) }()
			l.run(steps)
			require.NoError(t, <-result)
		}
		go func() { result <- errors.Join(one.obs.Cancel(l.t.Context()), two.obs.Cancel(l.t.Context())) }()
		l.run(`
			< CON GET #f t=$a Observe=1 /one
			> ACK 2.05 #f t=$a
			< CON GET #g t=$b Observe=1 /two
			> ACK 2.05 #g t=$b
		`)
		require.NoError(t, <-result)
		require.Empty(t, l.conn.claims)
	})
}
