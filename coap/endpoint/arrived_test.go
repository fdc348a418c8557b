package endpoint

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// counted has a request count how often it has arrived.
func counted(r *Request) (*Request, *int) {
	n := new(int)
	r.Arrived = func() { *n++ }
	return r, n
}

// TestArrived: in each ladder "+" is where the request is known to have arrived, which is
// told at once and only once.
func TestArrived(t *testing.T) {
	known, unknown := true, false
	blocks := func() *Request { return put("x", 100) }
	tests := []struct {
		name   string
		known  bool
		r      func() *Request
		ladder string
		err    any
	}{
		{"acknowledged", unknown, func() *Request { return get("x") }, `
			< CON GET #a t=$t /x
			+
			> ACK EMPTY #a
			~ 10s
			> CON 2.05 #0001 t=$t "y"
			< ACK EMPTY #0001`, nil},
		{"acknowledged late, and twice", unknown, func() *Request { return post("hello") }, `
			< CON POST #a t=$t "hello"
			< CON POST #a t=$t "hello" @2s..2s
			+
			> ACK EMPTY #a
			> ACK EMPTY #a
			~ 10s
			> NON 2.05 #0001 t=$t "y"`, nil},
		{"answered in the acknowledgement", unknown, func() *Request { return get("x") }, `
			< CON GET #a t=$t /x
			+
			> ACK 4.04 #a t=$t`, nil},
		{"answered without one", unknown, func() *Request { return get("x") }, `
			< CON GET #a t=$t /x
			+
			> CON 2.05 #0001 t=$t
			< ACK EMPTY #0001
			> ACK EMPTY #a`, nil},
		{"answered by what is not understood", unknown, func() *Request { return get("x") }, `
			< CON GET #a t=$t /x
			+
			> ACK 2.05 #a t=$t O9=`, &OptionError{9}},
		{"rejected", unknown, func() *Request { return get("x") }, `
			< CON GET #a t=$t /x
			> RST EMPTY #a`, new(ResetError)},
		{"no answer", unknown, func() *Request { return get("x") }, `
			< CON GET #a t=$t /x
			< CON GET #a t=$t /x @2s..2s
			< CON GET #a t=$t /x @4s..4s
			< CON GET #a t=$t /x @8s..8s
			< CON GET #a t=$t /x @16s..16s
			~ 32s
			~ 1ms`, ErrTimeout},
		{"lost by the peer afterwards", known, func() *Request { return get("x") }, `
			< CON GET #a t=$t /x
			+
			> ACK EMPTY #a
			< CON GET #i t=$t O265= @62s..62s
			> ACK 4.04 #i t=$t`, ErrForgotten},
		{"blocks", unknown, blocks, `
			< CON PUT #a t=$t /x Block1=0/1/64 [0:64]
			> ACK EMPTY #a
			> CON 2.31 #0001 t=$t Block1=0/1/64
			< ACK EMPTY #0001
			< CON PUT #b t=$t /x Block2=0/0/64 Block1=1/0/64 [64:100]
			> ACK EMPTY #b
			~ 10s
			+
			> CON 2.04 #0002 t=$t Block1=1/0/64
			< ACK EMPTY #0002`, nil},
		{"blocks, lost by the peer", unknown, blocks, `
			< CON PUT #a t=$t /x Block1=0/1/64 [0:64]
			> ACK EMPTY #a
			> RST EMPTY #a
			~ 10s
			> CON 2.31 #0001 t=$t Block1=3/1/64
			< ACK EMPTY #0001`, new(BlockError)},
		{"many blocks at a time", known, blocks, `
			< NON PUT #a t=$t /x QBlock1=0/1/64 [0:64]
			< CON PUT #b t=$t QBlock1=1/0/64 [64:100]
			> ACK EMPTY #b
			~ 100ms
			+
			> CON 2.04 #0002 t=$t
			< ACK EMPTY #0002`, nil},
		{"wanted again", unknown, func() *Request { return post("hello") }, `
			< CON POST #a t=$t "hello"
			> ACK 4.01 #a t=$t O252=01
			< CON POST #b t=$u O252=01 "hello"
			~ 1s
			+
			> ACK EMPTY #b
			> CON 2.04 #0002 t=$u
			< ACK EMPTY #0002`, nil},
		{"wanted again when it had arrived", unknown, func() *Request { return post("hello") }, `
			< CON POST #a t=$t "hello"
			+
			> ACK EMPTY #a
			> CON 4.01 #0001 t=$t O252=01
			< ACK EMPTY #0001
			~ 1s`, ErrChallenged},
		{"never content", unknown, func() *Request { return post("") }, `
			< CON POST #a t=$t
			> ACK 4.01 #a t=$t O252=01
			< CON POST #b t=$u O252=01
			> ACK 4.01 #b t=$u O252=01
			< CON POST #c t=$v O252=01
			> ACK 4.01 #c t=$v O252=01`, ErrChallenged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Profile: testProfile()}
			if strings.Contains(tt.name, "blocks") {
				cfg.Profile.BlockSize = 64
			}
			climb(t, cfg, func(l *ladder) {
				if tt.known {
					l.conn.SetPeer(testProfile())
				}
				r, arrived := counted(tt.r())
				result := l.do(l.t.Context(), r)
				before, after, arrives := strings.Cut(tt.ladder, "+")
				l.run(before)
				require.Zero(t, *arrived)
				if arrives {
					line, rest, _ := strings.Cut(strings.TrimSpace(after), "\n")
					l.run(line)
					synctest.Wait()
					require.Equal(t, 1, *arrived)
					l.run(rest)
				}
				switch got := <-result; want := tt.err.(type) {
				case nil:
					require.NoError(t, got.err)
				case *OptionError:
					require.Equal(t, want, got.err)
				case *ResetError:
					require.ErrorAs(t, got.err, &want)
				case *BlockError:
					require.ErrorAs(t, got.err, &want)
				case error:
					require.ErrorIs(t, got.err, want)
				}
				require.Equal(t, arrives, *arrived == 1)
			})
		})
	}
}

// A request that its caller gives up tells whether it may still arrive.
func TestArrivedBeforeItWasGivenUp(t *testing.T) {
	for name, acknowledged := range map[string]bool{"acknowledged": true, "not acknowledged": false} {
		t.Run(name, func(t *testing.T) {
			climb(t, Config{Profile: testProfile()}, func(l *ladder) {
				ctx, cancel := context.WithCancel(l.t.Context())
				r, arrived := counted(get("x"))
				result := l.do(ctx, r)
				l.run(`< CON GET #a t=$t /x`)
				if acknowledged {
					l.run(`> ACK EMPTY #a`)
				}
				cancel()
				require.ErrorIs(t, (<-result).err, context.Canceled)
				require.Equal(t, acknowledged, *arrived == 1)
				l.run(`> ACK EMPTY #a`)
				require.Equal(t, acknowledged, *arrived == 1, "what comes later is not told")
			})
		})
	}
}

// Whatever else happens while the caller is busy with something, that the request was
// acknowledged is told.
func TestArrivedAtTheSameMoment(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		for i := range 50 { // in whatever order the caller learns of both
			ctx, cancel := context.WithCancel(l.t.Context())
			r, arrived := counted(get("x"))
			result := l.do(ctx, r)
			synctest.Wait()
			data, ok := l.peer.next(time.Second)
			require.True(t, ok)
			m, err := ParseMessage(data)
			require.NoError(t, err)
			l.conn.receiveAck(&Message{Type: Acknowledgement, MessageID: m.MessageID}, headerLen)
			if i%2 == 0 {
				cancel()
			} else {
				l.conn.receiveResponse(&Message{Type: NonConfirmable, Code: Content, Token: m.Token}, data)
			}
			<-result
			require.Equal(t, 1, *arrived)
			cancel()
		}
	})
}

// No lock is held that what is called might want.
func TestArrivedUsesTheConn(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		r := get("x")
		pinged := make(chan error, 1)
		r.Arrived = func() { pinged <- l.conn.Ping(l.t.Context()) }
		result := l.do(l.t.Context(), r)
		l.run(`
			< CON GET #a t=$t /x
			> ACK EMPTY #a
			< CON EMPTY #p t=
			> CON 2.05 #0001 t=$t "y"
			< ACK EMPTY #0001
			> RST EMPTY #p
		`)
		require.NoError(t, <-pinged)
		require.Equal(t, outcome{code: Content, body: "y"}, <-result)
	})
}

// An observation tells of its registrations.
func TestArrivedRegistration(t *testing.T) {
	climb(t, Config{Profile: testProfile()}, func(l *ladder) {
		r, arrived := counted(get("temperature"))
		var o *Observation
		done := make(chan error)
		go func() {
			var err error
			o, err = l.conn.Observe(l.t.Context(), r, func(*Response) error { return nil })
			done <- err
		}()
		l.run(registered)
		require.NoError(t, <-done)
		require.Equal(t, 1, *arrived)
		again, arrivedAgain := counted(get("temperature"))
		go func() { done <- o.Reregister(l.t.Context(), again) }()
		l.run(`
			< CON GET #b t=$t Observe=0 /temperature
			> ACK EMPTY #b
		`)
		require.Equal(t, 1, *arrivedAgain)
		l.run(`
			> CON 2.05 #0003 t=$t Observe=10 "19 Cel"
			< ACK EMPTY #0003
		`)
		require.NoError(t, <-done)
		require.Equal(t, 1, *arrived)
		require.Equal(t, 1, *arrivedAgain)
	})
}
